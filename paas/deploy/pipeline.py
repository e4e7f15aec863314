"""The pipeline: the one place that knows the order of a deploy's steps.

Each deploy holds the app's lock, so that a second one waits its turn. What is done to an
app that runs is told in operations; how one comes to be, gets another name and ends, in lifetime.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from paas.console import Console
from paas.deploy import (
    again,
    arriving,
    boot,
    builders,
    builds,
    earlier,
    ending,
    landing,
    policies,
    ports,
    prune,
    release,
    room,
    telling,
)
from paas.deploy.images import pushing
from paas.deploy.notes import Note, noted
from paas.deploy.roll import ALONE, Also, roll
from paas.deploy.source import inspect
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model import app_json
from paas.model.app import App
from paas.model.build import BuildKind
from paas.model.occasion import CommitReceived
from paas.model.ports import HTTP, HTTPS, USUAL
from paas.model.push import Push
from paas.model.release import Image, Release
from paas.platform import Platform

log = logging.getLogger(__name__)

# what gives an app's new image, with what the image's app.json says
Obtain = Callable[[App], tuple[Image, app_json.AppManifest]]


def push(platform: Platform, pushed: Push, console: Console, actor: str) -> Release | None:
    """Deploy a pushed commit; raises PaasError with the old release serving as before.

    None where the app is set to be built and not deployed.
    """
    words = f"Deploy {pushed.new[:8]}"
    with (
        builds.recorded(platform, pushed.app, console, BuildKind.BUILD, actor, pushed.new),
        operation(platform, pushed.app, console, f"the deploy of {pushed.new[:8]}") as app,
        noted(platform, app.name, actor, "deploy", words, begun=True) as note,
    ):
        refuse_locked(app)
        builds.at("source")
        console.step(f"Building {app.name} from {pushed.branch} ({pushed.new[:8]})")
        failpoint("source.inspect")
        source = inspect(platform, app, pushed)
        failpoint("source.judged")
        platform.plugins.allow(CommitReceived(app.name, pushed.new), actor, console)
        with release.declared(platform, app, source.manifest):
            config = platform.store.config.merged(app)
            builds.at("build")
            image = builders.build(platform, app, source, config, console)
            if policies.skips_deploys(platform, app):
                note.detail = f"{words}: built, and not deployed"
                tell_skipped(app, console)
                return None
            also = landing.of(platform, app, pushed)
            new = serve(platform, app, image, source.manifest, words, actor, console, note, also)
    telling.deployed(platform, app, new, actor, console)
    pushing.after_release(platform, app, new, console, actor)
    return new


def deploy_image(
    platform: Platform,
    name: str,
    obtain: Obtain,
    words: str,
    console: Console,
    actor: str,
    *,
    again: bool = False,
) -> Release:
    """Deploy an image that is made already; raises PaasError with the old release serving.

    again: also when it is the very image that serves.
    """
    with (
        builds.recorded(platform, name, console, BuildKind.BUILD, actor),
        operation(platform, name, console, f"the deploy of {words}") as app,
        noted(platform, app.name, actor, "deploy", f"Deploy {words}", begun=True) as note,
    ):
        refuse_locked(app)
        refuse_skipped(platform, app)
        builds.at("image")
        room.admit(platform, app.name, f"the deploy of {words}", console)
        image, manifest = obtain(app)
        failpoint("image.obtained")
        current = platform.store.releases.current(app)
        if current is not None and current.image.id == image.id and not again:
            console.step(f"{app.name} runs this image already: nothing to deploy")
            return current
        with release.declared(platform, app, manifest):
            new = serve(platform, app, image, manifest, f"Deploy {words}", actor, console, note)
    telling.deployed(platform, app, new, actor, console)
    pushing.after_release(platform, app, new, console, actor)
    return new


def serve(
    platform: Platform,
    app: App,
    image: Image,
    manifest: app_json.AppManifest,
    words: str,
    actor: str,
    console: Console,
    note: Note,
    also: Also = ALONE,
) -> Release:
    """From a new image to serving it, with the scripts before and after."""
    config = platform.store.config.merged(app)
    console.step(f"Releasing {app.name}...")
    image = release.predeploy(platform, app, image, manifest, console)
    telling.release_starting(platform, app, image, actor, console)
    new = cut(platform, app, image, config, words, actor, console)
    note.detail = f"{new.name}: {words}"
    tail(platform, app, new, console, also, manifest)
    return new


def redeploy(
    platform: Platform, name: str, console: Console, actor: str, description: str
) -> Release | None:
    """A new release of the current image with the current config.

    None before the first deploy, and where the app is set not to be deployed.
    """
    with operation(platform, name, console, description) as app:
        current = platform.store.releases.current(app)
        if current is None:
            return None
        if policies.skips_deploys(platform, app):
            tell_skipped(app, console)
            return None
        config = platform.store.config.merged(app)
        with (
            builds.recorded(platform, name, console, BuildKind.DEPLOY, actor),
            noted(platform, name, actor, "deploy", description) as note,
        ):
            image = again.image_of(platform, app, current, console)
            console.step(f"Releasing {app.name}...")
            new = cut(platform, app, image, config, description, actor, console)
            note.detail = f"{new.name}: {description}"
            tail(platform, app, new, console)
    telling.deployed(platform, app, new, actor, console)
    return new


def rollback(
    platform: Platform, name: str, version: int | None, console: Console, actor: str
) -> Release:
    """A new release with the image and the config of an earlier one that worked."""
    with (
        builds.recorded(platform, name, console, BuildKind.DEPLOY, actor),
        operation(platform, name, console, "a rollback") as app,
        noted(platform, name, actor, "rollback", "Rollback") as note,
    ):
        target = earlier.target(platform, app, version)
        image = again.image_of(platform, app, target, console)
        description = f"Rollback to {target.name}"
        console.step(f"Releasing {app.name}...")
        new = cut(platform, app, image, target.config, description, actor, console)
        note.detail = f"{new.name}: {description}"
        tail(platform, app, new, console, earlier.with_config_of(platform, app, target))
    telling.deployed(platform, app, new, actor, console)
    return new


def cut(
    platform: Platform,
    app: App,
    image: Image,
    config: dict[str, str],
    description: str,
    actor: str,
    console: Console,
    *,
    reverts: int | None = None,
) -> Release:
    """The next numbered release, pending until its containers are in service."""
    failpoint("release.cut")
    with platform.layers.leased():
        for layer in image.layers:  # so that none is removed before the release is there
            if platform.layers.find(layer.id) is None:
                raise PaasError(f"layer {layer.id} is not there any more", "push the app again")
        new = platform.store.releases.cut(app, image, config, description, actor, reverts)
    builds.made(new)
    console.detail(f"Release {new.name}: {description}")
    return new


def tail(
    platform: Platform,
    app: App,
    new: Release,
    console: Console,
    also: Also = ALONE,
    manifest: app_json.AppManifest | None = None,
) -> None:
    """From a release to serving it: its containers, the switch, the good news.

    manifest: what its app.json says, when its image is new; its tasks are run then.
    """
    tasks = release.prepared(platform, app, new, manifest, console) if manifest else nullcontext()
    try:
        failpoint("release.pending")
        telling.deploy_starting(platform, app, new, console)
        with tasks:
            roll(platform, app, new, boot.wanted(platform, app, new), console, also)
    except BaseException:
        # what fails here too, as on a full disk, the patrol does later
        attempt(platform.store.releases.fail, new)
        raise
    if manifest:
        release.postdeploy(platform, new, app, console, manifest.postdeploy)
    attempt(announce, platform, app, new, console)


def announce(platform: Platform, app: App, new: Release, console: Console) -> None:
    platform.logs.append(app.name, f"Deployed {new.name}: {new.description}")
    console.heading("Application deployed:")
    for url in urls(platform, app):
        console.detail(url)


def urls(platform: Platform, app: App) -> list[str]:
    """Where the app answers; not where it only sends on to HTTPS."""
    settings, secured = platform.settings, bool(platform.store.certificates.digest(app))
    real = {HTTP: settings.http_port, HTTPS: settings.https_port}
    mapped = [one for one in ports.mappings(platform, app, None) if one.scheme in USUAL]
    if secured and HTTPS in {one.host for one in mapped}:
        mapped = [one for one in mapped if one.host != HTTP]
    places = [(one.scheme, real.get(one.host, one.host)) for one in mapped]
    found = [
        f"{scheme}://{domain}" + ("" if number == USUAL[scheme] else f":{number}")
        for domain in platform.store.domains.effective(app)
        for scheme, number in places
    ]
    return telling.urls(platform, app, found)


# -- what they share -------------------------------------------------------------------


@contextmanager
def operation(
    platform: Platform, name: str, console: Console, words: str = "", *, ending_too: bool = False
) -> Iterator[App]:
    """The app under its lock, as it is once the lock is held; words: what others wait for.

    Layers that the operation finds or makes stay until it ends; then leftovers are pruned.
    """
    platform.store.apps.get(name)
    with platform.locks.hold(name, console, words or f"another change of {name}"):
        app = platform.store.apps.get(name)
        if not ending_too and ending.begun(platform, app):
            raise PaasError(f"{name} is being destroyed", f"paas apps:destroy {name}")
        if arriving.begun(platform, app):
            raise PaasError(f"{name} is not all here yet", "wait until it is restored or copied")
        with prune.tidied(platform, app):
            yield app


def attempt(function: Callable[..., object], *arguments: object) -> None:
    """Do what must not hide an error that is on its way; its own failure goes to the log."""
    try:
        function(*arguments)
    except Exception:
        log.exception("could not finish tidying up")


def refuse_locked(app: App) -> None:
    if app.locked:
        raise PaasError(
            f"{app.name} is locked: deploys are refused", f"paas apps:unlock {app.name}"
        )


def tell_skipped(app: App, console: Console) -> None:
    console.step(f"Skipping the deploy of {app.name}: ps:set {app.name} skip-deploy is true")


def refuse_skipped(platform: Platform, app: App) -> None:
    if policies.skips_deploys(platform, app):
        raise PaasError(
            f"{app.name} is set not to be deployed", f"paas ps:set {app.name} skip-deploy"
        )


def deployed(platform: Platform, app: App) -> Release:
    """The current release, or PaasError."""
    current = platform.store.releases.current(app)
    if current is None:
        raise PaasError(
            f"{app.name} has not been deployed yet", f"git push <remote> main to deploy {app.name}"
        )
    return current
