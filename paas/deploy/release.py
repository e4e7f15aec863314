"""Release: image + config, numbered; its tasks run in it before anything is switched."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from paas.console import Console
from paas.deploy import builds, environment, shared, volumes
from paas.deploy.foreground import attached
from paas.errors import PaasError
from paas.model import app_json
from paas.model.app import App
from paas.model.app_json import AppManifest
from paas.model.container import ContainerSpec, Kind, new_container_id
from paas.model.release import Image, Release
from paas.model.volume import DEPLOY
from paas.platform import Platform

RELEASE = "release"
IN_APP_JSON = "app.json"
FIRST_DEPLOY = ("app-json", "heroku.postdeploy")  # that its task was run


def manifest_of(release: Release) -> AppManifest:
    """What the app.json of a release's commit says."""
    return app_json.parse(json.dumps(release.image.manifest))


@contextmanager
def declared(platform: Platform, app: App, manifest: AppManifest) -> Iterator[None]:
    """What app.json's env asks for is set, and taken back when the deploy comes to nothing.

    Raises PaasError naming a required variable that nobody has set.
    """
    store = platform.store
    wanted, before, served = (
        missing(platform, app, manifest),
        store.config.get(app),
        version(platform, app),
    )
    store.config.set(app, wanted)
    try:
        yield
    except BaseException:
        if version(platform, app) == served:
            now = store.config.get(app)
            ours = [key for key, value in wanted.items() if now.get(key) == value]
            store.config.unset(app, [key for key in ours if key not in before])
            store.config.set(app, {key: before[key] for key in ours if key in before})
        raise


def version(platform: Platform, app: App) -> int | None:
    """The number of the release that serves."""
    current = platform.store.releases.current(app)
    return current.version if current else None


def missing(platform: Platform, app: App, manifest: AppManifest) -> dict[str, str]:
    """What app.json's env asks for and the app does not have: values and secrets."""
    have = platform.store.config.merged(app)
    wanted: dict[str, str] = {}
    for key, entry in manifest.env.items():
        if key in have and not entry.sync:
            continue
        if entry.secret:
            wanted[key] = have.get(key) or secrets.token_hex(32)
        elif entry.value is not None:
            wanted[key] = entry.value
        elif entry.required and key not in have:
            raise PaasError(
                f"app.json requires {key}, and it is not set",
                f"paas config:set {app.name} {key}=...",
            )
    return {key: value for key, value in wanted.items() if have.get(key) != value}


# -- tasks ---------------------------------------------------------------------------


def predeploy(
    platform: Platform, app: App, image: Image, manifest: AppManifest, console: Console
) -> Image:
    """Run app.json's predeploy script; the files it leaves become one more layer."""
    if not found(console, "predeploy", manifest.predeploy, IN_APP_JSON):
        return image
    upper = platform.layers.new_upper(platform.settings.uids(app.slot))
    try:
        task(platform, app, image, manifest.predeploy, console, "predeploy", upper=upper)
        name = f"predeploy-{secrets.token_hex(16)}"
        base = platform.settings.uids(app.slot)
        layer = platform.layers.adopt(upper, name, base, app=app.id)
    except BaseException:
        platform.layers.discard(upper)
        raise
    return replace(image, id=secrets.token_hex(16), layers=(*image.layers, layer))


@contextmanager
def prepared(
    platform: Platform, app: App, release: Release, manifest: AppManifest, console: Console
) -> Iterator[None]:
    """Have done what comes before a new image's containers, which the block puts into service.

    Its release task, what app.json's formation asks for, and on the first deploy the task
    for that. A failure stops the deploy, and the formation is as it was.
    """
    command = release.image.processes.get(RELEASE, "")
    if found(console, RELEASE, command, "Procfile"):
        task(platform, app, release.image, command, console, RELEASE)
    with formed(platform, app, manifest):
        first_deploy(platform, app, release, manifest, console)
        yield


@contextmanager
def formed(platform: Platform, app: App, manifest: AppManifest) -> Iterator[None]:
    """As many processes as app.json says, where that is new or has changed."""
    before = dict(platform.store.formation.get(app).counts)
    wanted = {**before, **quantities(platform, app, manifest, before)}
    if wanted != before:
        platform.store.formation.set(app, wanted)
    try:
        yield
    except BaseException:
        if wanted != before:
            with suppress(PaasError, OSError):
                platform.store.formation.set(app, before)
        raise


def quantities(
    platform: Platform, app: App, manifest: AppManifest, have: Mapping[str, int]
) -> dict[str, int]:
    """What app.json's formation says beyond what it said in the release that serves.

    So ps:scale has the last word until the file says something else. At the first deploy
    it has had it already.
    """
    current = platform.store.releases.current(app)
    known = have if current is None else manifest_of(current).formation
    return {
        kind: count
        for kind, count in manifest.formation.items()
        if (kind not in known if current is None else known.get(kind) != count)
    }


def first_deploy(
    platform: Platform, app: App, release: Release, manifest: AppManifest, console: Console
) -> None:
    """Run app.json's postdeploy for first deploys; once, however it ends."""
    marked = platform.store.properties.get(app, *FIRST_DEPLOY) is not None
    if marked or platform.store.releases.current(app) is not None:
        return
    if found(console, "first deploy postdeploy", manifest.first_deploy, IN_APP_JSON):
        platform.store.properties.set(app, *FIRST_DEPLOY, "executed")
        task(platform, app, release.image, manifest.first_deploy, console, "postdeploy")


def postdeploy(
    platform: Platform, release: Release, app: App, console: Console, script: str
) -> None:
    """Run app.json's postdeploy script once the new release serves; a failure is only told."""
    console.step("Running post-deploy")
    if found(console, "postdeploy", script, IN_APP_JSON):
        try:
            task(platform, app, release.image, script, console, "postdeploy")
        except PaasError as error:
            console.warn(f"{error.message}; the release serves all the same")


def found(console: Console, name: str, command: str, where: str) -> bool:
    """Whether there is a task of this name, told as dokku tells it."""
    builds.at(name)
    console.step(f"Checking for {name} task")
    if command:
        console.detail(f"Executing {name} task from {where}: {command}")
    else:
        console.detail(f"No {name} task found, skipping")
    return bool(command)


def task(
    platform: Platform,
    app: App,
    image: Image,
    command: str,
    console: Console,
    name: str,
    **changes: object,
) -> None:
    """Run one command to its end in a container of the image, its output shown."""
    spec = task_spec(platform, app, image, command, name, **changes)
    label = f"{app.name} {name} task ({spec.id}) output"
    console.heading(f"Start of {label}")
    status = attached(platform, spec, console, timeout_s=platform.settings.build_timeout_s)
    console.heading(f"End of {label}")
    if status.code != 0:
        raise PaasError(f"the {name} task {status.reason}", "the lines above say why")


def task_spec(
    platform: Platform, app: App, image: Image, command: str, name: str, **changes: object
) -> ContainerSpec:
    spec = ContainerSpec(
        id=new_container_id(),
        app=app.name,
        slot=app.slot,
        kind=Kind.RELEASE,
        process=name,
        index=1,
        layers=image.layers,
        argv=environment.script(image, command),
        environment=environment.of_process(platform, app, image, f"{name}.1"),
        limits=environment.limits(platform, app, name),
        mounts=volumes.mounts(platform, app, DEPLOY, name),
        networks=shared.at_creation(platform, app),
        **environment.seat(image),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]
