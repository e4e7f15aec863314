"""Rebase: an app on the newest snapshot of its stack, without building it again.

The stack's layers are exchanged below all others. Its processes are checked as at any
deploy, and releases:rollback goes back.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile

from paas.console import Console
from paas.deploy import builds, materials, stacks
from paas.deploy.notes import noted
from paas.deploy.pipeline import cut, deployed, operation, refuse_locked, tail
from paas.deploy.stacks import USUAL, Base
from paas.errors import PaasError
from paas.model.app import App
from paas.model.build import BuildKind
from paas.model.image import Origin, Step
from paas.model.release import Image, Layer, Release
from paas.model.stack import PREFIX
from paas.platform import Platform

OWN_PACKAGES = "debian-run-packages-"
# packages whose versions up to a point programs are built for
TIED = {"python3": re.compile(r"(\d+\.\d+)"), "libc6": re.compile(r"(\d+)\.")}


def rebase(platform: Platform, name: str, console: Console, actor: str) -> Release | None:
    """A release of the app on its stack's newest snapshot; None when it is on that already.

    Raises PaasError when it has to be built again instead, or is not healthy there: then
    what served goes on serving.
    """
    with operation(platform, name, console, "a rebase") as app:
        refuse_locked(app)
        current = deployed(platform, app)
        base = base_of(platform, app, current.image)
        old = stack_layers(current.image)
        if old == base.run:
            console.step(f"{name} is on the newest {base.name} already")
            return None
        refuse_unfit(platform, app, current.image, old, base, console)
        words = f"Rebase onto {base.name} {base.snapshot}".rstrip()
        with (
            builds.recorded(platform, name, console, BuildKind.DEPLOY, actor),
            noted(platform, name, actor, "deploy", words) as note,
        ):
            config = platform.store.config.merged(app)
            console.step(f"Releasing {name}...")
            new = cut(platform, app, exchanged(current.image, base), config, words, actor, console)
            note.detail = f"{new.name}: {words}"
            tail(platform, app, new, console)
        return new


def base_of(platform: Platform, app: App, image: Image) -> Base:
    """The stack that the image stands on, as it is now."""
    name = (image.origin.stack if image.origin else "") or USUAL
    found = stacks.named(platform, name) if image.config is None else None
    if found is None:
        raise PaasError(
            f"{app.name} does not stand on a stack of ours, but on an image",
            f"build it again on a newer one: paas ps:rebuild {app.name}",
        )
    return found


def stack_layers(image: Image) -> tuple[Layer, ...]:
    """The layers that are the stack: the lowest."""
    return tuple(takewhile(lambda layer: layer.id.startswith(PREFIX), image.layers))


def exchanged(image: Image, base: Base) -> Image:
    """The image with the other stack below the same layers."""
    old = stack_layers(image)
    gone = {layer.id for layer in old}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    words = f"the stack {base.name} {base.snapshot}".rstrip()
    below = tuple(Step(words, layer.id, now) for layer in base.run)
    origin = replace(
        image.origin or Origin(),
        stack=base.name,
        stack_digest=base.digest,
        snapshot=base.snapshot,
    )
    return replace(
        image,
        id=secrets.token_hex(16),
        layers=(*base.run, *image.layers[len(old) :]),
        steps=(*below, *(step for step in image.steps if step.layer not in gone)),
        origin=origin,
    )


# -- whether it fits -------------------------------------------------------------------------


def refuse_unfit(
    platform: Platform,
    app: App,
    image: Image,
    old: tuple[Layer, ...],
    base: Base,
    console: Console,
) -> None:
    """PaasError when what was built on the old snapshot may not run on the new one."""
    again = f"build it again: paas ps:rebuild {app.name}"
    if not old:
        raise PaasError(f"the image of {app.name} has no stack below it", again)
    if any(layer.id.startswith(OWN_PACKAGES) for layer in image.layers):
        raise PaasError(
            f"{app.name} has Debian packages of its own, which were made for its stack", again
        )
    before = materials.debian_packages(platform, old, console)
    after = materials.debian_packages(platform, base.run, console)
    problem = misfit(before, after)
    if problem:
        raise PaasError(f"{app.name} cannot be rebased onto {base.name}: {problem}", again)


def misfit(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Why programs made for the first packages may not run with the second; "": they do.

    A library whose interface has changed has another name in Debian.
    """
    missing = sorted(set(before) - set(after))
    if missing:
        few = ", ".join(one.partition(":")[0] for one in missing[:5])
        return f"it lacks {few}" + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    for package, pattern in TIED.items():
        old, new = (versions(each, package, pattern) for each in (before, after))
        if old != new:
            return f"its {package} is {new or 'missing'}, not {old or 'missing'} as before"
    return ""


def versions(packages: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    """The part of a package's version that matters."""
    for key, version in packages.items():
        if key.partition(":")[0] == name and (match := pattern.match(version)):
            return match[1]
    return ""
