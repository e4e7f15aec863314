"""Freezing: an app's processes stopped where they are, with all they have in memory."""

from collections.abc import Callable

from paas.console import Console
from paas.deploy import fleet, oneoff
from paas.deploy.notes import noted
from paas.deploy.pipeline import operation
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import Container
from paas.platform import Platform


def freeze(
    platform: Platform, name: str, wanted: str | None, console: Console, *, actor: str = "paas"
) -> None:
    """Freeze processes of an app: all in service, a type's, or one container. All or none."""
    with (
        operation(platform, name, console) as app,
        noted(platform, name, actor, "ps", f"Freeze {wanted or ''}".strip()),
    ):
        frozen: list[Container] = []
        try:
            for container in chosen(platform, app, wanted):
                platform.engine.freeze(container.id)
                frozen.append(container)
        except BaseException:
            each(frozen, platform.engine.thaw)
            raise
        tell(platform, name, frozen, console, f"frozen by {actor}")


def thaw(
    platform: Platform, name: str, wanted: str | None, console: Console, *, actor: str = "paas"
) -> None:
    """Let them go on where they were."""
    with (
        operation(platform, name, console) as app,
        noted(platform, name, actor, "ps", f"Thaw {wanted or ''}".strip()),
    ):
        found = chosen(platform, app, wanted)
        each(found, platform.engine.thaw)
        tell(platform, name, found, console, f"thawed by {actor}")


def chosen(platform: Platform, app: App, wanted: str | None) -> list[Container]:
    """Running containers: those in service, or what a name says; PaasError when there are none."""
    every = [*fleet.in_service(platform, app), *oneoff.list_containers(platform, app)]
    running = [one for one in every if one.running and not oneoff.is_waited_for(one.id)]
    if wanted is None:
        found = [one for one in running if one.id in fleet.ids(platform, app)]
    else:
        names = ("hostname", "id", "process")
        found = [one for one in running if wanted in {getattr(one.spec, key) for key in names}]
    if not found:
        known = ", ".join(sorted(one.spec.hostname for one in running)) or "none"
        raise PaasError(f"{app.name} runs no {wanted or 'process'}", f"running now: {known}")
    return found


def each(containers: list[Container], do: Callable[[str], None]) -> None:
    for container in containers:
        do(container.id)


def tell(
    platform: Platform, name: str, containers: list[Container], console: Console, words: str
) -> None:
    for container in containers:
        platform.logs.append(name, f"{container.spec.hostname} {words}")
        console.step(f"{container.spec.hostname} of {name} is {words.split(maxsplit=1)[0]}")
