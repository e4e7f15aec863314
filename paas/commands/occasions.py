"""Occasions of commands: which command is told to plugins, or asked of them, and in what words.

What does not come by commands alone, such as a deploy, is told where it happens.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from paas.commands.context import Context
from paas.model.occasion import (
    AppCloned,
    CertificateRemoved,
    CertificateUpdated,
    ConfigChanged,
    DomainsChanged,
    Occasion,
    PortsChanged,
    ReportAsked,
    TagCreated,
    TagDestroyed,
    VhostDisabling,
    VhostEnabling,
)

# the values of a command's arguments
Values = Mapping[str, Any]
Make = Callable[[Values], Occasion | None]


def of(values: Values) -> str:
    """The app, or --global."""
    app = values.get("app")
    return app.name if app is not None else "--global"


def config(action: str, names: Callable[[Values], tuple[str, ...]]) -> Make:
    """A change of variables; those of builds alone are none."""

    def make(values: Values) -> Occasion | None:
        return None if values.get("build") else ConfigChanged(of(values), action, names(values))

    return make


def domains(action: str) -> Make:
    return lambda values: DomainsChanged(of(values), action, tuple(values.get("names", ())))


def ports(action: str) -> Make:
    return lambda values: PortsChanged(of(values), action)


def tag(text: str) -> str:
    return text.removeprefix("tags:")


BEFORE: dict[str, Make] = {
    "domains:disable": lambda values: VhostDisabling(of(values)),
    "domains:enable": lambda values: VhostEnabling(of(values)),
}
AFTER: dict[str, Make] = {
    "apps:clone": lambda values: AppCloned(of(values), values["new_app"]),
    "certs:add": lambda values: CertificateUpdated(of(values)),
    "certs:generate": lambda values: CertificateUpdated(of(values)),
    "certs:remove": lambda values: CertificateRemoved(of(values)),
    "certs:update": lambda values: CertificateUpdated(of(values)),
    "config:clear": config("clear", lambda _: ()),
    "config:import": config("set", lambda _: ()),
    "config:set": config("set", lambda values: tuple(key for key, _ in values["assignments"])),
    "config:unset": config("unset", lambda values: tuple(values["keys"])),
    "domains:add": domains("add"),
    "domains:clear": domains("clear"),
    "domains:remove": domains("remove"),
    "domains:reset": domains("reset"),
    "domains:set": domains("set"),
    "ports:add": ports("add"),
    "ports:clear": ports("clear"),
    "ports:remove": ports("remove"),
    "ports:set": ports("set"),
    "report": lambda values: ReportAsked(of(values)) if values.get("app") else None,
    "tags:create": lambda values: TagCreated(of(values), tag(values["tag"])),
    "tags:destroy": lambda values: TagDestroyed(of(values), tag(values["tag"])),
}


@contextmanager
def told(context: Context, name: str, values: Values) -> Iterator[None]:
    """Ask plugins before a command, and tell them when it was done."""
    plugins, actor = context.platform.plugins, context.caller.name
    if name in BEFORE and (asked := BEFORE[name](values)) is not None:
        plugins.allow(asked, actor, context.console)
    yield
    if name in AFTER and (done := AFTER[name](values)) is not None:
        plugins.happened(done, actor, context.console)
