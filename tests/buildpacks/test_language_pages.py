"""The examples on the pages of docs/languages are built and answer what they say."""

import re

import pytest

from tests.buildpacks.sandbox import REPOSITORY

PAGES = REPOSITORY / "docs" / "languages"
ANSWERS = {
    "python": b"Hello from Flask\n",
    "nodejs": b"Hello from Node\n",
    "bun": b"Hello from Bun\n",
    "deno": b"Hello from Deno\n",
    "static": b"Hello from a file\n",
}


def example(page: str) -> tuple[dict[str, str], str]:
    """The files below *Example*, and the web process it ends with."""
    text = (PAGES / f"{page}.md").read_text().partition("## Example\n")[2]
    blocks = re.findall(r"^`([^`]+)`\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    files = {name: re.sub(r"(?m)^    ", "", block).strip() + "\n" for name, block in blocks}
    web = re.search(r"The web process is `([^`]+)`", text)
    assert web, page
    return files, web[1]


@pytest.mark.parametrize("page", ANSWERS)
def test_the_example_of_a_language_does_what_its_page_says(sandbox, page):
    files, web = example(page)
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": web}
    with sandbox.serving(built) as site:
        assert site.get().body == ANSWERS[page]
