"""The locks: everything pinned and hashed, and nothing said of where it is fetched from."""

import re
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((HOUSE / lock).read_text()))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_a_version_and_hashes(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (HOUSE / lock).read_text().strip())
    for entry in entries:
        assert PIN.match(entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_says_where_packages_come_from(lock: str) -> None:
    text = (HOUSE / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_what_the_project_declares_is_locked() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())
    for lock, declared in (
        ("requirements.lock", project["project"]["dependencies"]),
        ("requirements-dev.lock", project["dependency-groups"]["dev"]),
    ):
        names = {re.split(r"[<>=!~\[ ;]", line)[0].lower() for line in declared}
        assert names <= set(pins(lock)), lock


def test_tests_run_with_the_versions_that_are_deployed() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()
