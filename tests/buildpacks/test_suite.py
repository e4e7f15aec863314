"""Languages' versions are those of the Debian that the stack is."""

import sys
from pathlib import Path

import pytest

from tests.buildpacks.sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from lifecycle import suite


@pytest.mark.parametrize(
    ("text", "php", "java"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm\n", "8.2", (17,)),
        ('VERSION_CODENAME="trixie"\n', "8.4", (21, 25)),
        ("ID=alpine\n", "8.4", (21, 25)),
    ],
)
def test_a_build_takes_the_versions_that_its_stack_has(
    tmp_path: Path, text: str, php: str, java: tuple[int, ...]
):
    release = tmp_path / "os-release"
    release.write_text(text)
    found = suite.versions(str(release))
    assert (found.php, found.java) == (php, java)


def test_an_image_that_does_not_say_what_it_is_counts_as_the_usual_stack(tmp_path: Path):
    assert suite.versions(str(tmp_path / "none")) == suite.KNOWN[suite.USUAL]
