"""Plugins as somebody writes them, on a platform whose engine only remembers."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from paas.engines.embedded.cgroups import Cgroups
from paas.platform import Platform
from tests.commands.conftest import (  # noqa: F401 - pytest finds fixtures by their names here
    ROOT,
    Admin,
    admin,
    blog,
    migrated,
    platform,
)

Install = Callable[..., Admin]
TOML = '[plugin]\ndescription = "a plugin of the tests"\nversion = "0.1.0"\n[plugin.config]\n'
FREEZE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "freeze"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """A plugin's folder; scripts can be run."""
    for name, text in {"plugin.toml": TOML, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    return folder


def script(body: str) -> str:
    return f"#!/bin/sh\n{body}\n"


@pytest.fixture
def root(admin: Admin, platform: Platform) -> Iterator[Admin]:  # noqa: F811
    """Root on the server, whose plugins have their places."""
    platform.plugins.start()
    for folder in (platform.settings.state_dir.parent, platform.settings.state_dir):
        folder.chmod(0o711)
    yield Admin(platform, ROOT)
    for directory in Cgroups(platform.settings.cgroup_name).directories(""):
        directory.rmdir()


@pytest.fixture
def install(root: Admin, tmp_path: Path) -> Callable[..., str]:
    """Install a plugin made of these files; what that printed."""

    def by_files(name: str, **files: str) -> str:
        named = {key.replace("_", "-"): text for key, text in files.items()}
        return root.ok("plugin:install", str(write(tmp_path / name, named)))

    return by_files
