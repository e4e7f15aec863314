"""Pushing: an app's releases copied to a registry, by the app's settings; never in their way.

A release serves before it is pushed, and serves on when it cannot be. Layers that the
registry has are neither packed nor sent again.
"""

import json
import re
from collections.abc import Sequence

from paas.console import Console
from paas.deploy import policies, workshop
from paas.deploy.images import bench as benches
from paas.deploy.images import exporting, registries
from paas.deploy.images.bench import Work
from paas.deploy.images.exporting import Layout
from paas.errors import PaasError
from paas.model import moments, reference
from paas.model.app import App
from paas.model.container import SAME_IDS, Mount
from paas.model.reference import Reference
from paas.model.release import Release
from paas.platform import Platform
from paas.store.registries import Login

NAMESPACE = "registry"
APP_NAME = re.compile(r"\{\{-?\s*\.AppName\s*-?\}\}")
REPOSITORY = "dokku/{app}"
SKOPEO_CACHE = "/root/.local/share/containers/cache"


def wanted(platform: Platform, app: App) -> bool:
    """Whether the app's releases are pushed."""
    return policies.value(platform, app, NAMESPACE, "push-on-release") == "true"


def server(platform: Platform, app: App) -> str:
    """The registry's name; "" is Docker Hub."""
    name = policies.value(platform, app, NAMESPACE, "server") or ""
    found = name.rstrip("/")
    return "" if found in registries.HUB_NAMES else found


def repository(platform: Platform, app: App) -> str:
    """The app's repository there: its own, by the template, or dokku/<app>."""
    own = platform.store.properties.get(app, NAMESPACE, "image-repo")
    template = policies.value(platform, app, NAMESPACE, "image-repo-template")
    return own or filled(template or "", app) or REPOSITORY.format(app=app.name)


def filled(template: str, app: App) -> str:
    """`team/{{ .AppName }}` with the app's name in it."""
    return APP_NAME.sub(app.name, template)


def references(platform: Platform, app: App, release: Release) -> list[Reference]:
    """The names a release gets: its number and, while it serves, the tags asked for beside it."""
    text = f"{server(platform, app) or reference.HUB}/{repository(platform, app)}"
    base = reference.parse(text).remote
    current = platform.store.releases.current(app)
    serves = current is not None and current.version == release.version
    extra = policies.value(platform, app, NAMESPACE, "push-extra-tags") if serves else None
    tags = [str(release.version), *(tag for tag in (extra or "").split(",") if tag)]
    return [Reference(base.domain, base.path, reference.tag(tag)) for tag in tags]


def after_release(
    platform: Platform, app: App, release: Release, console: Console, actor: str
) -> None:
    """Push a release that serves, if the app wants it; a failure is told and stops nothing."""
    if not wanted(platform, app):
        return
    try:
        push(platform, app, release, console, actor)
    except PaasError as error:
        console.warn(f"{release.name} serves, but was not pushed: {error.message}")
        if error.hint:
            console.warn(error.hint)
        console.warn(f"once that is mended: paas registry:push {app.name} {release.name}")


def push(
    platform: Platform, app: App, release: Release, console: Console, actor: str
) -> list[Reference]:
    """Copy a release's image to the registry; PaasError when it cannot be."""
    names = references(platform, app, release)
    words = f"Push {release.name} to {names[0]}"
    console.step(f"Pushing {release.name} to {names[0]}")
    try:
        carry(platform, app, release, names, console)
    except PaasError as error:
        platform.record(app.name, actor, "registry", f"{words}: {error.message}", "failed")
        raise
    platform.record(app.name, actor, "registry", words)
    platform.store.properties.set(app, NAMESPACE, "tag-version", str(release.version))
    return names


def carry(
    platform: Platform, app: App, release: Release, names: Sequence[Reference], console: Console
) -> None:
    """Pack what the registry lacks, and send it; all of it where it turns out to lack more."""
    login, _ = registries.login_for(platform, app, names[0].domain)
    for have in dict.fromkeys((pushed(platform, app, names[0]), frozenset[str]())):
        try:
            send(platform, app, release, names, login, have, console)
        except PaasError as error:
            if not have or "blob" not in error.message:
                raise
            console.detail("The registry has lost layers: sending all of them")
        else:
            return


def send(
    platform: Platform,
    app: App,
    release: Release,
    names: Sequence[Reference],
    login: Login | None,
    have: frozenset[str],
    console: Console,
) -> None:
    created = moments.iso(release.created_at)
    with (
        exporting.laid_out(
            platform, release.image, names[0].tag, created=created, without=have
        ) as layout,
        benches.bench(platform, app, console) as bench,
    ):
        cache = platform.settings.state_dir / "registry" / str(app.id)
        cache.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        workshop.make_owned(cache, bench.uid_base, 0o700)
        work = Work(
            "push",
            {
                "references": [str(one) for one in names],
                "insecure": names[0].domain in platform.settings.insecure_registries,
            },
            mounts=(
                Mount(layout.root, "/layout", ids=SAME_IDS),
                Mount(cache, SKOPEO_CACHE, read_only=False),
            ),
            secrets=registries.authentication(login),
            words="the push of the image",
        )
        benches.run(bench, work)
    remember(platform, app, names[0], layout)


def pushed(platform: Platform, app: App, name: Reference) -> frozenset[str]:
    """Digests of layers that were sent to a repository before."""
    text = platform.store.properties.get(app, NAMESPACE, f"sent {name.name}")
    return frozenset(json.loads(text)) if text else frozenset()


def remember(platform: Platform, app: App, name: Reference, layout: Layout) -> None:
    """The layers of the newest release are what the next one is likely to share."""
    digests = sorted(tar.diff_id for tar in layout.tars)
    platform.store.properties.set(app, NAMESPACE, f"sent {name.name}", json.dumps(digests))


def verify(platform: Platform, app: App | None, login: Login, console: Console) -> None:
    """PaasError unless the registry takes the login."""
    with benches.bench(platform, app, console) as bench:
        work = Work(
            "login",
            {
                "server": login.server,
                "username": login.username,
                "insecure": login.server in platform.settings.insecure_registries,
            },
            secrets={"password": login.password},
            words="the login",
        )
        benches.run(bench, work)
