"""Entering: extra processes in an app's running containers.

On a terminal they are sessions, `enter.1` and on, that go on without their caller; through
pipes they end with it. All end with their container.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from paas.console import Console
from paas.deploy import oneoff, policies, relay, terminals
from paas.deploy.numbers import Numbers
from paas.deploy.terminals import END_S, Held
from paas.engines.base import Guest, Session, Streams
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import Container, Kind
from paas.platform import Platform

SHELL = ("/bin/sh", "-c", "[ -x /bin/bash ] && exec /bin/bash; exec /bin/sh")
SESSION = "enter"
KILLED = 137
HEARD_S = 1.0  # the end of a container, when what was in it has ended already

_numbers = Numbers()


def running(platform: Platform, app: App) -> list[Container]:
    """Containers of an app that one can go into."""
    return [
        one
        for one in platform.engine.list()
        if one.running and one.spec.slot == app.slot and one.spec.kind in (Kind.APP, Kind.RUN)
    ]


def find(platform: Platform, app: App, wanted: str) -> Container:
    """One of them by its type (web), name (web.1) or id; PaasError with those there are."""
    return oneoff.find(running(platform, app), app.name, wanted)


def enter(
    platform: Platform, name: str, wanted: str | None, argv: Sequence[str], console: Console
) -> int:
    """Run a command (a shell by default) inside a running container; its exit code."""
    app = platform.store.apps.get(name)
    container = find(platform, app, wanted or "web")
    chosen = policies.shell(platform, app)
    words = tuple(argv) or ((chosen,) if chosen else SHELL)
    if console.is_terminal:
        return on_terminal(platform, app, container, words, console)

    def start(streams: Streams) -> Session:
        return platform.engine.execute(container.id, words, {}, streams)

    return relay.through_pipes(start, console).code


# -- sessions --------------------------------------------------------------------------


def on_terminal(
    platform: Platform, app: App, container: Container, words: tuple[str, ...], console: Console
) -> int:
    """Begin a session, and be on it."""
    extra = {"TERM": "xterm-256color"}
    with named(platform, app) as name:
        guest, wire = platform.engine.lodge(container.id, name, words, extra, console.size())
    return terminals.stay(held(platform, guest), wire, console)


def attach(platform: Platform, guest: Guest, console: Console) -> int:
    """Come back to a session: what it showed last, and then what it shows now."""
    return terminals.come_back(held(platform, guest), guest.attach(), console)


def stop(guest: Guest, why: str) -> None:
    """End a session and all it started. why: as whoever is on it is told."""
    oneoff.remember_reason(key_of(guest), why)
    guest.kill()


def sessions(platform: Platform, app: App | None = None) -> list[Guest]:
    """An app's sessions, or all of them, oldest first."""
    every = platform.engine.guests()
    return [one for one in every if app is None or one.container.spec.slot == app.slot]


def session(platform: Platform, app: App, wanted: str) -> Guest | None:
    """The session of that name (enter.1), or the newest one (enter)."""
    found = [one for one in sessions(platform, app) if wanted in (one.name, SESSION)]
    return found[-1] if found else None


def key_of(guest: Guest) -> str:
    """What a session's terminal is known by."""
    # its number may be another's later, in the same container
    return f"{guest.container.id}/{guest.name}/{guest.started_at.timestamp()}"


def held(platform: Platform, guest: Guest) -> Held:
    """Its terminal, for those who are on it."""
    key, app = key_of(guest), guest.container.spec.app
    tell = partial(over, platform, guest)
    return Held(key, app, guest.name, guest.shown, tell, lambda: None)


def over(platform: Platform, guest: Guest, console: Console) -> int | None:
    """The exit code of a session that says no more; None when it goes on."""
    status = guest.wait(END_S)
    if status is None:
        return None
    if why := oneoff.reason(key_of(guest)):
        console.warn(f"{guest.name} was {why}")
    elif status.code == KILLED and has_ended(platform, guest.container):
        console.warn(f"{guest.name} ended with {guest.container.spec.hostname}, which it was in")
    return status.code


def has_ended(platform: Platform, container: Container) -> bool:
    ended = platform.engine.wait(container.id, HEARD_S) is not None
    return ended or platform.engine.get(container.id) is None


# -- how many there may be -------------------------------------------------------------


@contextmanager
def named(platform: Platform, app: App) -> Iterator[str]:
    """A name that no other session of the app has; PaasError when there are enough."""

    def look() -> tuple[set[int], set[int]]:
        present = {int(one.name.rpartition(".")[2]) for one in sessions(platform, app)}
        return present, present

    with _numbers.free(app.slot, look, partial(refuse_too_many, platform, app)) as number:
        yield f"{SESSION}.{number}"


def refuse_too_many(platform: Platform, app: App, going_on: int) -> None:
    most = oneoff.at_once(platform, app)
    if going_on >= most:
        raise PaasError(
            f"{app.name} has {going_on} sessions in its containers, and may have {most}",
            f"stop one (paas run:list {app.name}), or allow more: "
            f"paas run:set {app.name} at-once {most * 2 or 1}",
        )
