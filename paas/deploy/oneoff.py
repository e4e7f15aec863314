"""One-off containers of an app's release, and extra processes in its running ones."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from paas.console import Console
from paas.deploy import environment, fleet, policies, relay, room
from paas.engines.base import Session, Streams
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, Kind, new_container_id
from paas.model.release import Image, Release
from paas.platform import Platform

SHELL = ("/bin/sh", "-c", "[ -x /bin/bash ] && exec /bin/bash; exec /bin/sh")
TIMEOUT = "/usr/bin/timeout"


def run(
    platform: Platform,
    name: str,
    argv: Sequence[str],
    console: Console,
    environment_: Mapping[str, str] | None = None,
    *,
    tty: bool | None = None,
    ttl_s: int | None = None,
) -> int:
    """Run a command in a new container of the current release; its exit code.

    tty None: a terminal when the caller has one.
    """
    app = platform.store.apps.get(name)
    room.admit(platform, name, f"a run of {name}")
    spec = one_off(platform, app, argv, environment_ or {}, ttl_s)
    interactive = console.is_terminal if tty is None else tty and console.is_terminal

    def start(streams: Streams) -> Session:
        return platform.engine.spawn(with_terminal(spec, streams), streams)

    through = relay.through_terminal if interactive else relay.through_pipes
    return through(start, console)


def with_terminal(spec: ContainerSpec, streams: Streams) -> ContainerSpec:
    if streams.terminal is None:
        return spec
    return replace(spec, environment={"TERM": "xterm-256color", **spec.environment})


def detach(
    platform: Platform,
    name: str,
    argv: Sequence[str],
    console: Console,
    environment_: Mapping[str, str] | None = None,
    *,
    ttl_s: int | None = None,
) -> str:
    """Start a command in the background; the name of its container, such as run.4711."""
    app = platform.store.apps.get(name)
    room.admit(platform, name, f"a run of {name}")
    spec = one_off(platform, app, argv, environment_ or {}, ttl_s)
    logs = platform.settings.state_dir / "logs" / app.name
    container = platform.engine.start(replace(spec, log=logs / f"{spec.hostname}.{spec.id}.log"))
    console.check_cancelled()
    return container.spec.hostname


def one_off(
    platform: Platform,
    app: App,
    argv: Sequence[str],
    extra: Mapping[str, str],
    ttl_s: int | None,
) -> ContainerSpec:
    release = current(platform, app)
    index = next_index(platform, app)
    command = release.image.processes.get(argv[0]) if len(argv) == 1 else None
    argv_ = environment.launch(release.image, command or shlex.join(argv))
    if ttl_s:
        argv_ = timed(release.image, argv_, ttl_s)
    dyno = f"run.{index}"
    values = environment.of_process(platform, app, release.image, dyno, release.config)
    return ContainerSpec(
        id=new_container_id(),
        app=app.name,
        slot=app.slot,
        kind=Kind.RUN,
        process="run",
        index=index,
        layers=release.image.layers,
        argv=argv_,
        environment={**values, **extra},
        release=release.version,
        limits=environment.limits(platform, app, "run"),
        **environment.seat(release.image),
    )


def timed(image: Image, argv: Sequence[str], ttl_s: int) -> tuple[str, ...]:
    """The same command, ended after a time; by the image's own `timeout`."""
    program = TIMEOUT if image.config is None else "timeout"
    return (program, "-k", "5", str(ttl_s), *argv)


def current(platform: Platform, app: App) -> Release:
    release = platform.store.releases.current(app)
    if release is None:
        raise PaasError(
            f"{app.name} has not been deployed yet", f"git push <remote> main to deploy {app.name}"
        )
    return release


def next_index(platform: Platform, app: App) -> int:
    """A number no other one-off container of the app has."""
    taken = {one.spec.index for one in list_containers(platform, app)}
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def list_containers(platform: Platform, app: App) -> list[Container]:
    """The app's one-off containers, ended ones included until they are removed."""
    return [one for one in platform.engine.list(app.name) if one.spec.kind is Kind.RUN]


def stop(platform: Platform, name: str, container_name: str) -> None:
    """End a detached run and remove its container."""
    app = platform.store.apps.get(name)
    container = find(list_containers(platform, app), name, container_name)
    with fleet.in_hand(container.id):
        platform.engine.stop(container.id, policies.stop_grace_s(platform, app))
        platform.engine.remove(container.id)


def enter(
    platform: Platform, name: str, wanted: str | None, argv: Sequence[str], console: Console
) -> int:
    """Run a command (a shell by default) inside a running container; its exit code."""
    app = platform.store.apps.get(name)
    running = [
        one
        for one in platform.engine.list(app.name)
        if one.running and one.spec.kind in (Kind.APP, Kind.RUN)
    ]
    container = find(running, name, wanted or "web")
    words = tuple(argv) or SHELL

    def start(streams: Streams) -> Session:
        extra = {"TERM": "xterm-256color"} if streams.terminal else {}
        return platform.engine.execute(container.id, words, extra, streams)

    through = relay.through_terminal if console.is_terminal else relay.through_pipes
    return through(start, console)


def find(containers: Sequence[Container], app: str, wanted: str) -> Container:
    """The container of that name (web.1), process type (web) or id; the newest if several."""
    for container in sorted(containers, key=lambda one: one.started_at, reverse=True):
        if wanted in (container.spec.hostname, container.id, container.spec.process):
            return container
    names = ", ".join(sorted(one.spec.hostname for one in containers)) or "none"
    raise PaasError(f"{app} has no running container {wanted}", f"running now: {names}")
