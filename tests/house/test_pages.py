"""What the pages show exists: commands, files, and nothing that belongs elsewhere."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from paas.commands import table  # noqa: F401 - registers every command
from paas.commands.registry import registry
from paas.model.mirrors import MIRRORS

HOUSE = Path(__file__).resolve().parents[2]
PAGES = sorted([HOUSE / "README.md", HOUSE / "CHANGELOG.md", *(HOUSE / "docs").glob("*.md")])
# what the example of a plugin brings
EXAMPLE = set(
    tomllib.loads((HOUSE / "docs/plugins/freeze/plugin.toml").read_text())["paas"]["commands"]
)
NAMESPACES = {name.partition(":")[0] for name in registry}
WORDED = re.compile(r"(?:(?<!//)\bpaas|\bdokku|(?<!//)paas@[\w.]+) ([a-z][a-z-]*(?::[a-z-]+)*)")
QUOTED = re.compile(r"`([a-z][a-z-]*:[a-z-]+(?::(?:set|report|clear))?)`")
# hosts of the places where packages come from: a checkout names none of them
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted|registry\.npmjs|crates\.io|proxy\.golang|maven\.org"
)


def shown(page: Path) -> set[str]:
    """Commands that a page names in code: whole words after paas, or quoted with a colon."""
    text = page.read_text()
    code = "\n".join(re.findall(r"`[^`\n]+`|^    .+$", text, re.MULTILINE))
    return set(WORDED.findall(code)) | set(QUOTED.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_is_a_real_one(page: Path) -> None:
    known = registry.keys() | NAMESPACES | EXAMPLE
    unknown = shown(page) - known
    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_namespace_is_on_the_first_page() -> None:
    text = (HOUSE / "README.md").read_text()
    visible = {c.namespace for c in registry.values() if not c.hidden}
    missing = {name for name in visible if not re.search(rf"`{name}[:`]", text)}
    assert missing <= {"checks", "git"}, missing


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={HOUSE}", "ls-files", "-z"],
        cwd=HOUSE, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [HOUSE / name for name in listed.split("\0") if name and (HOUSE / name).is_file()]


def test_no_file_names_a_package_registrys_host() -> None:
    offenders = [
        str(path.relative_to(HOUSE))
        for path in tracked()
        if path != Path(__file__)
        and path.name != "Cargo.lock"  # names the public registry in every entry, as cargo has it
        and REGISTRIES.search(path.read_text(errors="ignore"))
    ]
    assert not offenders


@pytest.mark.parametrize(
    "name", ["quickstart", "test", "bench", "paas", "paas-deploy", "dokku", "paasd"]
)
def test_every_program_in_bin_can_be_run(name: str) -> None:
    assert (HOUSE / "bin" / name).stat().st_mode & 0o111


def test_every_mirror_is_on_its_page() -> None:
    rows = dict(
        re.findall(
            r"^\| `(\w+)` \| .* \| (.*) \|$",
            (HOUSE / "docs" / "mirrors.md").read_text(),
            re.MULTILINE,
        )
    )
    assert rows == {one.key: ", ".join(f"`{name}`" for name in one.variables) for one in MIRRORS}
