"""A platform whose store, logs and repositories are real, and whose engine only remembers."""

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

import pytest

from paas.command import Runner
from paas.commands.accounts import SHOWING, may_change
from paas.commands.registry import registry
from paas.commands.table import dispatch
from paas.console import Console
from paas.deploy import lifetime
from paas.engines.base import Guest
from paas.git.repositories import Repositories
from paas.image.layers import Layers
from paas.image.stack import Stack
from paas.logs.logs import Logs
from paas.model.app import App
from paas.model.caller import Caller, Role
from paas.model.container import Container, ContainerSpec, ExitStatus, Kind, Usage
from paas.model.event import SUCCEEDED
from paas.model.release import Image, Layer, Release
from paas.model.route import Route
from paas.network import names
from paas.network.names import Names
from paas.platform import Platform
from paas.proxy import shape
from paas.settings import Settings
from paas.storage.volumes import Volumes
from paas.store.store import Store
from tests.conftest import own_settings

ADMIN = Caller("alice", "ssh", frozenset({Role.ADMIN}))
ROOT = Caller("root", "local", frozenset({Role.ADMIN}))
GIT = Caller("git", "hook", frozenset({Role.HOOK}))
NOBODY = Caller("mallory", "ssh", frozenset())


class FakeEngine:
    """Containers that are what the test says they are."""

    def __init__(self) -> None:
        self.containers: list[Container] = []
        self.inside: list[Guest] = []

    def list(self, app: str | None = None) -> list[Container]:
        return [one for one in self.containers if app in (None, one.spec.app)]

    def get(self, container_id: str) -> Container | None:
        return next((one for one in self.containers if one.id == container_id), None)

    def usage(self, _container_id: str) -> Usage:
        return Usage(memory_bytes=1 << 20, cpu_seconds=1.5, pids=3)

    def is_frozen(self, _container_id: str) -> bool:
        return False

    def reconcile(self, _keep: Collection[str] | None) -> Sequence[str]:
        return []

    def mounting(self, source: Path) -> Sequence[ContainerSpec]:
        specs = [one.spec for one in self.containers if one.running]
        return [one for one in specs if source in (mount.source for mount in one.mounts)]

    def remove(self, container_id: str) -> None:
        self.containers = [one for one in self.containers if one.id != container_id]

    def stop(self, _container_id: str, _grace_s: float) -> ExitStatus:
        return ExitStatus(0)

    def guests(self) -> Sequence[Guest]:
        return [one for one in self.inside if one.wait(0) is None]


class FakeNetworks:
    """Slots that have a network, whether their app is there or not."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings
        self.present: set[int] = set()
        self.joints: dict[str, dict[int, IPv4Address]] = {}
        self.told = Names()

    def slots(self) -> set[int]:
        return set(self.present)

    def remove_app(self, slot: int) -> None:
        self.present.discard(slot)

    def join(self, spec: ContainerSpec, slot: int) -> IPv4Address:
        return self.joints.setdefault(spec.id, {}).setdefault(slot, IPv4Address("10.9.0.2"))

    def leave(self, container_id: str, slot: int) -> None:
        self.joints.get(container_id, {}).pop(slot, None)

    def joined(self, container_id: str) -> dict[int, IPv4Address]:
        return dict(self.joints.get(container_id, {}))

    def members(self, slot: int) -> list[str]:
        return [one for one, slots in self.joints.items() if slot in slots]

    def tell_names(self, table: Names) -> None:
        self.told = table
        if self.settings:
            names.write(self.settings, table)

    def remove_idle(self, slot: int) -> bool:
        self.present.discard(slot)
        return True


class FakeProxy:
    """Remembers what was published last."""

    def __init__(self) -> None:
        self.published: dict[str, Route] = {}
        self.defaults: dict[str, str] = {}
        self.complaints: dict[str, str] = {}
        self.calls: list[str] = []

    def publish(self, route: Route) -> None:
        self.published[route.app] = route

    def withdraw(self, app: str) -> None:
        self.published.pop(app, None)

    def routes(self) -> dict[str, Route]:
        return dict(self.published)

    def configure(self, defaults: Mapping[str, str]) -> None:
        self.defaults = dict(defaults)

    def publish_all(self, routes: Iterable[Route]) -> None:
        self.published = {one.app: one for one in routes}

    def configuration(self, app: str) -> str:
        return f"server {{ server_name {' '.join(self.published[app].domains)}; }}\n"

    def refused(self, app: str | None = None) -> dict[str, str]:
        return {one: why for one, why in self.complaints.items() if app in (None, one)}

    def tend(self) -> None:
        self.calls.append("tend")

    def reload(self) -> None:
        self.calls.append("reload")

    def start(self) -> None:
        self.calls.append("start")

    def stop(self, *, until_told: bool = False) -> None:
        self.calls.append(f"stop until_told={until_told}")

    def doors(self) -> frozenset[tuple[str, int]]:
        return frozenset(shape.ports(self.published.values(), set()))


@dataclass
class Said:
    """What a command left: exit code and both outputs."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Admin:
    """Types commands, as one caller or another, and reads what they say."""

    platform: Platform
    caller: Caller = ADMIN
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *argv: str, stdin: bytes = b"", caller: Caller | None = None) -> Said:
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin)
            given.seek(0)
            streams = (given.fileno(), out.fileno(), err.fileno())
            console = Console(*streams, environment=self.environment)
            status = dispatch(self.platform, caller or self.caller, argv, console)
            os.lseek(out.fileno(), 0, os.SEEK_SET)
            os.lseek(err.fileno(), 0, os.SEEK_SET)
            return Said(status, out.read().decode(), err.read().decode())

    def ok(self, *argv: str, stdin: bytes = b"", caller: Caller | None = None) -> str:
        newest = self.platform.store.events.newest()
        said = self(*argv, stdin=stdin, caller=caller)
        assert said.status == 0, (argv, said)
        if is_change(argv):
            actor = (caller or self.caller).name
            told = self.platform.store.events.list(after=newest, actor=actor, result=SUCCEEDED)
            assert told or self.is_silent, f"{argv} left no event"
        return said.out

    @property
    def is_silent(self) -> bool:
        """Whether events are off."""
        return self.platform.store.properties.get(None, "events", "off") is not None

    def fails(self, *argv: str, stdin: bytes = b"", caller: Caller | None = None) -> Said:
        said = self(*argv, stdin=stdin, caller=caller)
        assert said.status != 0, (argv, said)
        assert said.err.startswith(" !     "), said
        assert "Traceback" not in said.err
        assert "inside paas" not in said.err, said
        return said


def is_change(argv: Sequence[str]) -> bool:
    """Whether a command line that succeeds has to leave an event."""
    command = registry.get(argv[0]) if argv else None
    if command is None:
        return False
    dry = [one for one in command.options if one.name == command.dry_run]
    if {"--help", *(word for one in dry for word in one.opts)} & {*argv}:
        return False
    return may_change(argv[0], command.permission) and not is_question(argv)


def is_question(argv: Sequence[str]) -> bool:
    """Whether nothing is said but of what to show how it is."""
    flags = {word.partition("=")[0] for word in argv if word.startswith("--")}
    said = flags - {"--process-type", "--format", "--skip-deploy"}
    values = [word for word in argv if "=" in word and not word.startswith("--")]
    return argv[0] in SHOWING and not said and not values


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, made once: migrating one for every test would take most of the time."""
    directory = tmp_path_factory.mktemp("database")
    Store(Settings(state_dir=directory)).close()
    return directory / "paas.db"


@pytest.fixture
def platform(settings: Settings, migrated: Path) -> Iterator[Platform]:
    with small_platform(settings, migrated) as made:
        yield made


@pytest.fixture(scope="module")
def shared(migrated: Path) -> Iterator[Platform]:
    """One platform for a module whose tests change nothing, with an app `blog`."""
    settings = own_settings()
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    with small_platform(settings, migrated) as made:
        Admin(made).ok("apps:create", "blog")
        yield made
    shutil.rmtree(settings.state_dir.parent, ignore_errors=True)


@contextmanager
def small_platform(settings: Settings, migrated: Path) -> Iterator[Platform]:
    runner = Runner()
    shutil.copy(migrated, settings.state_dir / "paas.db")
    store = Store(settings)
    made = Platform(
        settings=settings,
        runner=runner,
        store=store,
        engine=cast("Any", FakeEngine()),
        layers=Layers(settings.state_dir / "layers"),
        stack=Stack(settings, runner),
        networks=cast("Any", FakeNetworks(settings)),
        proxy=cast("Any", FakeProxy()),
        repositories=Repositories(settings, runner),
        logs=Logs(settings),
        volumes=Volumes(settings, runner),
    )
    yield made
    store.close()


@pytest.fixture
def admin(platform: Platform) -> Admin:
    """An administrator at the other end of SSH."""
    return Admin(platform)


@pytest.fixture
def blog(admin: Admin) -> App:
    """An app that nobody has deployed yet."""
    admin.ok("apps:create", "blog")
    return admin.platform.store.apps.get("blog")


@pytest.fixture
def roots(admin: Admin) -> Path:
    """A folder below which this instance gives folders of the server away."""
    root = admin.platform.settings.state_dir.parent / "storage"
    root.mkdir()
    settings = replace(admin.platform.settings, storage_roots=(str(root),))
    for owner in (admin.platform, admin.platform.volumes):
        object.__setattr__(owner, "settings", settings)
    return root


IMAGE = Image(
    "image1",
    (Layer("stack", 0), Layer("source-1", 7)),
    {"web": "python app.py", "worker": "python work.py", "release": "migrate"},
    environment={"SECRET_OF_IMAGE": "hidden-in-image"},
    buildpacks=("python",),
    commit="c" * 40,
)


def deploy(platform: Platform, app: App, description: str = "Deploy cccccccc") -> Release:
    """A release that serves, without containers."""
    config = platform.store.config.merged(app)
    release = platform.store.releases.cut(app, IMAGE, config, description, "alice")
    platform.store.releases.succeed(release)
    return release


def boot(
    platform: Platform, app: App, slot: str = "web.1", ended: ExitStatus | None = None,
    kind: Kind = Kind.APP,
) -> Container:  # fmt: skip
    """A container of an app, in service when it is a process of it."""
    process, _, index = slot.partition(".")
    spec = ContainerSpec(
        id=f"{process}{index}".ljust(10, "x")[:10], app=app.name, slot=app.slot, kind=kind,
        process=process, index=int(index), layers=IMAGE.layers, argv=("/.paas/launch", "x"),
        environment={"TOKEN": "hidden-in-container"}, release=1,
    )  # fmt: skip
    container = Container(spec, IPv4Address("10.1.2.3"), 4711, datetime.now(UTC), ended)
    engine = cast("FakeEngine", platform.engine)
    engine.containers.append(container)
    if kind is Kind.APP:
        ids = [one.id for one in engine.list(app.name) if one.spec.kind is Kind.APP]
        platform.store.properties.set(app, "ps", "in-service", json.dumps(ids))
    return container


@pytest.fixture
def deployed(platform: Platform, blog: App) -> App:
    """An app with a release and a running web process."""
    deploy(platform, blog)
    boot(platform, blog)
    return blog


class Recorder:
    """Stands in for the deploy room: remembers calls, answers what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, (*arguments[1:], *named.values())))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The pipeline, only remembered: what it does has tests of its own. Apps are made."""
    recorder = Recorder()
    vars(recorder)["create"] = lifetime.create
    monkeypatch.setattr("paas.commands.apps.lifetime", recorder)
    for name in ("config.pipeline", "ports.operations", "ps.pipeline", "ps.operations",
                 "releases.pipeline"):  # fmt: skip
        monkeypatch.setattr(f"paas.commands.{name}", recorder)
    return recorder


@pytest.fixture
def oneoff(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """One-off containers, only remembered."""
    recorder = Recorder()
    for name in ("oneoff.detach", "attending.run", "entering.enter"):
        monkeypatch.setattr(f"paas.commands.run.{name}", getattr(recorder, name.partition(".")[2]))
    return recorder
