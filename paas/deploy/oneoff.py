"""One-off containers of an app's release: what they are given, how many there may be, their ends.

What somebody waits for is relayed in attending; extra processes in running containers
are entered in entering.
"""

import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address

from paas.console import Console
from paas.deploy import environment, fleet, options, policies, room, shared, volumes
from paas.deploy.numbers import Numbers
from paas.engines.base import Session
from paas.errors import PaasError
from paas.model import docker_options, volume
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, Kind, new_container_id
from paas.model.release import Image, Release
from paas.platform import Platform

RUN = "run"
AT_ONCE = ("run", "at-once")

_lock = threading.Lock()
_numbers = Numbers()
_reasons: dict[str, str] = {}  # why containers were ended lately, by their ids
_waited: dict[str, "Waited"] = {}
REASONS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Waited:
    """A container that ends with its caller."""

    container: Container
    session: Session


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and what it gets beside its app's own.

    The first word may be a process type; one word alone, a whole command line. terminal: its
    rows and columns. interactive: somebody will type to it.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ttl_s: int | None = None
    process: str = RUN
    job_id: str = ""
    terminal: tuple[int, int] | None = None
    interactive: bool = False


def line_of(image: Image, words: Sequence[str]) -> str:
    """The command line of words; a process type first stands for its own, as in dokku."""
    line = image.processes.get(words[0])
    if line is not None:
        return " ".join((line, *map(shlex.quote, words[1:])))
    return words[0] if len(words) == 1 else shlex.join(words)


def detach(platform: Platform, app: App, order: Order, console: Console, actor: str) -> str:
    """Start a command in the background; the name of its container, such as run.4711."""
    with seat(platform, app, order) as spec:
        container = platform.engine.start(spec)
    console.check_cancelled()
    platform.record(app.name, actor, "run", f"Start {container.spec.hostname}")
    return container.spec.hostname


@contextmanager
def seat(platform: Platform, app: App, order: Order) -> Iterator[ContainerSpec]:
    """What a one-off container is started from, within the block: its number is its own.

    Raises PaasError when there is no room for it, on the disk or beside the app's other runs.
    """
    release = current(platform, app)
    room.admit(platform, app.name, f"a run of {app.name}")
    with numbered(platform, app) as number:
        yield spec_of(platform, app, release, order, number)


def numbered(platform: Platform, app: App) -> AbstractContextManager[int]:
    """A number that no other one-off container of the app has; PaasError when there are enough."""

    def look() -> tuple[set[int], set[int]]:
        present = list_containers(platform, app)
        every = {one.spec.index for one in present}
        return every, {one.spec.index for one in present if one.running}

    return _numbers.free(app.slot, look, partial(refuse_too_many, platform, app))


def refuse_too_many(platform: Platform, app: App, going_on: int) -> None:
    most = at_once(platform, app)
    if going_on >= most:
        raise PaasError(
            f"{app.name} has {going_on} one-off containers running, and may have {most}",
            f"wait, stop one (paas run:list {app.name}), or allow more: "
            f"paas run:set {app.name} at-once {most * 2}",
        )


def at_once(platform: Platform, app: App) -> int:
    """How many one-off containers the app may have running at once."""
    return int(policies.number(platform, app, *AT_ONCE, platform.settings.runs_at_once))


def spec_of(
    platform: Platform, app: App, release: Release, order: Order, number: int
) -> ContainerSpec:
    dyno = f"{order.process}.{number}"
    values = environment.of_process(platform, app, release.image, dyno, release.config)
    line = line_of(release.image, order.words)
    terminal = {"TERM": "xterm-256color"} if order.terminal else {}
    identity = new_container_id()
    found = ContainerSpec(
        id=identity,
        app=app.name,
        slot=app.slot,
        kind=Kind.RUN,
        process=order.process,
        index=number,
        layers=release.image.layers,
        argv=environment.launch(release.image, line),
        environment={**terminal, **values},
        release=release.version,
        limits=environment.limits(platform, app, order.process),
        log=platform.logs.directory(app.name) / f"{dyno}.{identity}.log",
        log_max_bytes=policies.log_bytes(platform, app),
        ttl_s=order.ttl_s,
        job_id=order.job_id,
        terminal=order.terminal,
        interactive=order.interactive,
        mounts=volumes.mounts(platform, app, volume.RUN, order.process),
        networks=shared.at_creation(platform, app),
        **environment.seat(release.image),
    )
    wanted = options.applied(platform, app, docker_options.RUN, found)
    return replace(wanted, environment={**wanted.environment, **order.environment})


def current(platform: Platform, app: App) -> Release:
    release = platform.store.releases.current(app)
    if release is None:
        raise PaasError(
            f"{app.name} has not been deployed yet", f"git push <remote> main to deploy {app.name}"
        )
    return release


# -- what there is ---------------------------------------------------------------------


def list_containers(platform: Platform, app: App) -> list[Container]:
    """The app's one-off containers, ended ones included until they are removed."""
    return [one for one in everywhere(platform) if one.spec.slot == app.slot]


def find(containers: Sequence[Container], app: str, wanted: str) -> Container:
    """The container of that name (web.1), process type (web) or id; the newest if several."""
    for container in sorted(containers, key=lambda one: one.started_at, reverse=True):
        if wanted in (container.spec.hostname, container.id, container.spec.process):
            return container
    names = ", ".join(sorted(one.spec.hostname for one in containers)) or "none"
    raise PaasError(f"{app} has no running container {wanted}", f"running now: {names}")


# -- those that somebody waits for ----------------------------------------------------


def waited_for(spec: ContainerSpec, session: Session) -> None:
    """Have a container that ends with its caller listed beside the others."""
    address = session.address or IPv4Address(0)
    _waited[spec.id] = Waited(Container(spec, address, 0, datetime.now(UTC)), session)


def no_longer(container_id: str) -> None:
    _waited.pop(container_id, None)


def is_waited_for(container_id: str) -> bool:
    """Whether it ends with its caller."""
    return container_id in _waited


def everywhere(platform: Platform) -> list[Container]:
    """Every one-off container of every app."""
    own = [one.container for one in list(_waited.values())]
    return [*(one for one in platform.engine.list() if one.spec.kind is Kind.RUN), *own]


# -- ends ------------------------------------------------------------------------------


def stop(platform: Platform, app: App, container: Container, why: str) -> None:
    """End a one-off container and remove it. why: as its log and its job will say."""
    remember_reason(container.id, why)
    grace_s = policies.stop_grace_s(platform, app, container.spec)
    waited = _waited.get(container.id)
    if waited is not None:
        waited.session.signal(container.spec.stop_signal)
        if waited.session.wait(grace_s) is None:
            waited.session.kill()
        return
    with fleet.in_hand(container.id):
        platform.engine.stop(container.id, grace_s)
        platform.engine.remove(container.id)


def remember_reason(container_id: str, why: str) -> None:
    with _lock:
        _reasons[container_id] = why
        for old in list(_reasons)[:-REASONS_KEPT]:
            del _reasons[old]


def reason(container_id: str) -> str:
    """Why a container was ended by us; "" when it ended by itself."""
    return _reasons.get(container_id, "")


def time_is_over(spec: ContainerSpec) -> str:
    """The reason of those that ran for as long as they might."""
    return f"stopped: its time of {spec.ttl_s} s was over"
