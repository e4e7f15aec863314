"""A real engine on a small root filesystem: the host's /usr seen read-only, and a layer beside."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from paas.command import Runner
from paas.engines.base import Session, Streams
from paas.engines.embedded.engine import EmbeddedEngine
from paas.image.layers import Layers
from paas.model.container import (
    APP_UID,
    ContainerSpec,
    ExitStatus,
    Kind,
    Limits,
    Mount,
    new_container_id,
)
from paas.model.release import Layer
from paas.network.networks import Networks
from paas.settings import Settings
from tests.conftest import own_settings

USR = Mount(Path("/usr"), "/usr")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/app", "GREETING": "hello"}
SERVER = (
    "import http.server as s\n"
    "s.HTTPServer(('0.0.0.0', 5000), s.SimpleHTTPRequestHandler).serve_forever()"
)


@dataclass
class House:
    """An instance with a running engine, and short ways to use it."""

    settings: Settings
    runner: Runner
    layers: Layers
    networks: Networks
    engine: EmbeddedEngine
    base: Layer
    started: list[str] = field(default_factory=list)

    def spec(self, *argv: str, limits: Limits | None = None, **changes: object) -> ContainerSpec:
        """A container of the app blog; the program's words are argv."""
        identity = new_container_id()
        self.started.append(identity)
        spec = ContainerSpec(
            id=identity,
            app="blog",
            slot=1,
            kind=Kind.APP,
            process="web",
            index=1,
            layers=(self.base,),
            argv=argv,
            environment=dict(ENVIRONMENT),
            limits=limits or Limits(memory_bytes=256 << 20, scratch_bytes=32 << 20),
            mounts=(USR,),
            log=self.settings.state_dir / "logs" / "blog" / f"web.1.{identity}.log",
        )
        return replace(spec, **changes)  # type: ignore[arg-type]

    def shell(self, script: str, **changes: object) -> tuple[ExitStatus, str]:
        """Run a shell script in a foreground container; its status and output."""
        return self.finish(self.spec("/bin/sh", "-c", script, **changes))

    def python(self, script: str, **changes: object) -> tuple[ExitStatus, str]:
        """Run a Python script likewise."""
        return self.finish(self.spec("/usr/bin/python3", "-IS", "-c", script, **changes))

    def finish(self, spec: ContainerSpec) -> tuple[ExitStatus, str]:
        return collect(lambda streams: self.engine.spawn(spec, streams))

    def log_text(self, spec: ContainerSpec) -> str:
        return spec.log.read_text() if spec.log and spec.log.exists() else ""

    def traces(self, container_id: str) -> list[str]:
        """Everything on this machine that bears the container's name."""
        found = [str(path) for path in self.engine._cgroups.directories(container_id)]
        found += [
            line
            for line in Path("/proc/self/mountinfo").read_text().split("\n")
            if container_id in line
        ]
        found += [name for _, name in socket.if_nameindex() if container_id in name]
        places = [
            *(self.settings.run_dir / name for name in ("containers", "runc", "exits", "netns")),
            self.settings.state_dir / "scratch",
        ]
        found += [str(place) for place in places if (place / container_id).exists()]
        return found


def collect(start: Callable[[Streams], Session], given: bytes = b"") -> tuple[ExitStatus, str]:
    """Run a session to its end; its status and what it wrote."""
    reader, writer = os.pipe()
    stdin, feed = os.pipe()
    os.write(feed, given)
    os.close(feed)
    try:
        session = start(Streams(stdin, writer, writer))
    finally:
        os.close(writer)
        os.close(stdin)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read().decode(errors="replace")
    status = session.wait(60)
    session.close()
    assert status is not None
    return status, text


def until(condition: Callable[[], object], timeout_s: float = 60) -> None:
    """Wait for something that comes by itself."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def make_base(layers: Layers, settings: Settings) -> Layer:
    """A layer with what a stack has beside /usr."""
    upper = layers.new_upper(0)
    for name in ("bin", "sbin", "lib", "lib64"):
        (upper / name).symlink_to(f"usr/{name}")
    for name in ("etc", "usr", "home", "var"):
        (upper / name).mkdir()
    (upper / "etc/passwd").write_text(f"root:x:0:0::/:/bin/sh\napp:x:{APP_UID}:{APP_UID}::/app:\n")
    (upper / "app").mkdir()
    os.chown(upper / "app", APP_UID, APP_UID)
    return layers.adopt(upper, "base", 0)


@contextmanager
def house_of(settings: Settings) -> Iterator[House]:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    runner = Runner()
    layers = Layers(settings.state_dir / "layers")
    networks = Networks(settings, runner)
    networks.ensure()
    engine = EmbeddedEngine(settings, runner, layers, networks)
    try:
        yield House(settings, runner, layers, networks, engine, make_base(layers, settings))
    finally:
        engine.reconcile(())
        engine.close()
        networks.clear()
        engine._cgroups.remove_parents()
        runner.run(("rm", "-rf", "--one-file-system", str(settings.state_dir.parent)))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """One instance for the tests of a module."""
    with house_of(own_settings()) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test started is removed after it, and leaves no trace."""
    yield
    if "house" not in request.fixturenames:
        return
    house: House = request.getfixturevalue("house")
    for container_id in house.started:
        house.engine.remove(container_id)
        try:
            until(lambda wanted=container_id: house.traces(wanted) == [])  # type: ignore[misc]
        except AssertionError:
            pytest.fail(f"left behind: {house.traces(container_id)}")
    house.started.clear()
