"""The build stack for these tests: a directory by PAAS_TEST_BUILD_ROOT, else the real one."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from paas.command import Runner
from paas.image.stack import Stack
from tests.buildpacks.sandbox import Sandbox
from tests.conftest import own_settings

DETECTS = "#!/bin/sh\necho Yes\n"
ROOTS: list[Path] = []


def pytest_itemcollected(item: pytest.Item) -> None:
    """Compilers and registries take long, and longest where others work beside them."""
    item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def build_root() -> list[Path]:
    """Directories of the build stack, top first."""
    given = os.environ.get("PAAS_TEST_BUILD_ROOT")
    if given:
        return [Path(path) for path in given.split(":")]
    stack = Stack(own_settings(), Runner())
    stack.ensure(lambda _: None)
    return [stack.layers.path(layer) for layer in reversed(stack.build_layers)]


@pytest.fixture(scope="session")
def sandbox(build_root) -> Sandbox:
    root = Path(tempfile.mkdtemp(prefix="paas-buildpacks-", dir=roomy_place()))
    root.chmod(0o755)
    ROOTS.append(root)
    return Sandbox(root, build_root)


def pytest_sessionfinish() -> None:
    """Delete the sandboxes: some minutes' work, which must not count as the last test's time."""
    while ROOTS:
        shutil.rmtree(ROOTS.pop(), ignore_errors=True)


def roomy_place() -> str:
    """Memory where there is plenty: the many small files that installers write cost less there."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        return "/var/tmp"
    available = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
    plenty = available is not None and int(available[1]) >= 14 << 20  # KiB
    return str(memory) if plenty and shutil.disk_usage(memory).free >= 8 << 30 else "/var/tmp"


@pytest.fixture
def pack(tmp_path: Path):
    """Writes a pack: the text of its programs, other files with a slash in their names."""

    def write(
        name: str = "other", *, detect: str = DETECTS, files: dict[str, str] | None = None, **bin_
    ):
        root = tmp_path / name
        for program, text in {"detect": detect, **bin_}.items():
            path = root / "bin" / program
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if text.startswith("#!") else f"#!/bin/bash\nset -eu\n{text}\n")
            path.chmod(0o755)
        for place, text in (files or {}).items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write
