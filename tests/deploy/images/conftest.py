"""A platform without its daemon and its proxy: real layers, real containers, real tools."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from paas.command import Runner
from paas.console import Console
from paas.deploy.images import importing
from paas.model.app import App
from paas.model.release import Image
from paas.platform import Platform
from tests.conftest import own_settings


@dataclass
class House:
    """A platform, an app, and a console whose words are kept."""

    platform: Platform
    app: App
    said: Path

    @property
    def text(self) -> str:
        return self.said.read_text()

    @contextmanager
    def console(self) -> Iterator[Console]:
        with self.said.open("wb") as file, Path(os.devnull).open("rb") as nothing:
            yield Console(nothing.fileno(), file.fileno(), file.fileno())

    def load(self, archive: bytes, app: App | None = None, name: str = "") -> Image:
        """Import an archive as if it came in on standard input."""
        with self.console() as console, fed(archive) as stdin:
            origin = importing.archive(name)
            return importing.import_image(self.platform, app, origin, console, stdin=stdin)

    def files(self, image: Image, number: int) -> Path:
        """Where one of the image's layers lies."""
        return self.platform.layers.path(image.layers[number])

    def left_behind(self) -> list[str]:
        settings = self.platform.settings
        places = (settings.run_dir / "builds", settings.state_dir / "layers" / "building")
        return [str(path) for place in places for path in place.glob("*")]


@contextmanager
def fed(data: bytes) -> Iterator[int]:
    """A descriptor from which data is read."""
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb") as pipe:
            try:
                pipe.write(data)
            except BrokenPipeError:
                return

    threading.Thread(target=feed, daemon=True).start()
    try:
        yield reader
    finally:
        os.close(reader)


@contextmanager
def house_of(**changes: object) -> Iterator[House]:
    settings = own_settings(**changes)
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    platform = Platform.open(settings, Runner())
    platform.networks.ensure()
    try:
        yield House(platform, platform.store.apps.create("blog"), settings.run_dir / "said")
    finally:
        platform.engine.reconcile(())
        platform.engine.close()
        platform.networks.clear()
        platform.engine._cgroups.remove_parents()  # type: ignore[attr-defined]
        platform.store.close()
        shutil.rmtree(settings.state_dir.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with house_of() as made:
        yield made
