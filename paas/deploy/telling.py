"""Telling: what plugins hear of deploys, outside any lock where they may answer with commands."""

from paas.console import Console
from paas.deploy import fleet, ports
from paas.deploy.boot import WEB
from paas.model.app import App
from paas.model.caller import Caller
from paas.model.container import Container
from paas.model.occasion import (
    CommandCalled,
    ContainerChecked,
    Deployed,
    DeployStarting,
    PullDone,
    PullStarting,
    ReleaseDone,
    ReleaseStarting,
    UrlsAsked,
)
from paas.model.release import Image, Release
from paas.platform import Platform
from paas.plugins.environment import Call


def builder_of(platform: Platform, app: App) -> str:
    """What built the app last."""
    return platform.store.properties.get(app, "builder", "detected") or "herokuish"


def release_starting(
    platform: Platform, app: App, image: Image, actor: str, console: Console
) -> None:
    """Ask whether an image may become a release."""
    occasion = ReleaseStarting(builder_of(platform, app), app.name, image.id)
    platform.plugins.allow(occasion, actor, console)


def deploy_starting(platform: Platform, app: App, release: Release, console: Console) -> None:
    """Ask whether a release, numbered by now, may have its containers started."""
    allow, actor = platform.plugins.allow, release.actor
    allow(ReleaseDone(builder_of(platform, app), app.name, release.image.id), actor, console)
    allow(DeployStarting(app.name, release.name), actor, console)


def checked(platform: Platform, app: App, container: Container, console: Console) -> None:
    """Ask whether a healthy container may serve."""
    web = container.spec.process == WEB
    port = str(ports.of_web(platform, app, None)) if web else ""
    address = str(container.address) if web else ""
    occasion = ContainerChecked(app.name, container.id, container.spec.process, port, address)
    platform.plugins.allow(occasion, "paas", console)


def deployed(platform: Platform, app: App, release: Release, actor: str, console: Console) -> None:
    """Tell that a release serves."""
    if not platform.plugins.heard(Deployed):
        return
    serving = [one for one in fleet.in_service(platform, app) if one.spec.process == WEB]
    port = str(ports.of_web(platform, app, release.image)) if serving else ""
    address = str(serving[0].address) if serving else ""
    occasion = Deployed(app.name, port, address, release.name)
    platform.plugins.happened(occasion, actor, console)


def urls(platform: Platform, app: App, found: list[str]) -> list[str]:
    """Where an app answers, as plugins say it."""
    if not platform.plugins.heard(UrlsAsked):
        return found
    text = platform.plugins.answer(UrlsAsked(app.name, "urls"), "\n".join(found), Call())
    return text.split()


# -- git -----------------------------------------------------------------------------------


def git_asked(
    platform: Platform, service: str, name: str, caller: Caller, console: Console
) -> None:
    """Ask whether somebody may push to an app or fetch it."""
    words = (f"git-{service}", f"'{name}'")
    call = Call(caller.door, caller.name)
    asked = CommandCalled(call.user, call.name, words)
    platform.plugins.allow(asked, caller.name, console.aside(), call)
    if service == "upload-pack":
        platform.plugins.allow(PullStarting(name), caller.name, console.aside())


def git_done(platform: Platform, service: str, name: str, caller: Caller, console: Console) -> None:
    """Tell that a fetch is over."""
    if service == "upload-pack":
        platform.plugins.happened(PullDone(name), caller.name, console.aside())
