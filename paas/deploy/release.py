"""Release: image + config, numbered; its tasks run in it before anything is switched."""

import json
import secrets
from dataclasses import replace

from paas.console import Console
from paas.deploy import builds, environment
from paas.deploy.foreground import attached
from paas.errors import PaasError
from paas.model import app_json
from paas.model.app import App
from paas.model.app_json import AppManifest
from paas.model.container import ContainerSpec, Kind, new_container_id
from paas.model.release import Image, Release
from paas.platform import Platform

RELEASE = "release"


def manifest_of(release: Release) -> AppManifest:
    """What the app.json of a release's commit says."""
    return app_json.parse(json.dumps(release.image.manifest))


def prepare_config(platform: Platform, app: App, manifest: AppManifest) -> None:
    """Set what app.json's env asks for and the app does not have: values and secrets.

    Raises PaasError naming a required variable that nobody has set.
    """
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
    if any(have.get(key) != value for key, value in wanted.items()):
        platform.store.config.set(app, wanted)


def prepare_formation(platform: Platform, app: App, manifest: AppManifest) -> None:
    """On the first deploy, scale as app.json's formation says."""
    if manifest.formation and platform.store.releases.current(app) is None:
        counts = dict(platform.store.formation.get(app).counts)
        missing = {kind: n for kind, n in manifest.formation.items() if kind not in counts}
        if missing:
            platform.store.formation.set(app, {**counts, **missing})


def predeploy(
    platform: Platform, app: App, image: Image, manifest: AppManifest, console: Console
) -> Image:
    """Run app.json's predeploy script; the files it leaves become one more layer."""
    if not manifest.predeploy:
        return image
    builds.at("predeploy")
    console.step("Running predeploy script")
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


def release_task(platform: Platform, release: Release, app: App, console: Console) -> None:
    """Run the Procfile's `release` in the new image; a failure stops the deploy."""
    command = release.image.processes.get(RELEASE)
    if command:
        builds.at("release")
        console.step(f"Running release task: {command}")
        task(platform, app, release.image, command, console, RELEASE)


def postdeploy(
    platform: Platform, release: Release, app: App, console: Console, script: str
) -> None:
    """Run app.json's postdeploy script once the new release serves; a failure is only told."""
    if script:
        builds.at("postdeploy")
        console.step("Running postdeploy script")
        try:
            task(platform, app, release.image, script, console, "postdeploy")
        except PaasError as error:
            console.warn(f"{error.message}; the release serves all the same")


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
    status = attached(platform, spec, console, timeout_s=platform.settings.build_timeout_s)
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
        **environment.seat(image),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]
