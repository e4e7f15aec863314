"""Entering: extra processes in an app's running containers."""

from collections.abc import Sequence

from paas.console import Console
from paas.deploy import oneoff, policies, relay
from paas.engines.base import Session, Streams
from paas.model.app import App
from paas.model.container import Container, Kind
from paas.platform import Platform

SHELL = ("/bin/sh", "-c", "[ -x /bin/bash ] && exec /bin/bash; exec /bin/sh")


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

    def start(streams: Streams) -> Session:
        extra = {"TERM": "xterm-256color"} if streams.terminal else {}
        return platform.engine.execute(container.id, words, extra, streams)

    through = relay.through_terminal if console.is_terminal else relay.through_pipes
    return through(start, console)
