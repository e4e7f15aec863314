"""Rebase: an app on the newest snapshot of its stack, without building it again.

The stack's layers are exchanged below all others, and Debian packages of the app's own are
made anew for it. Its processes are checked as at any deploy, and releases:rollback goes back.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile

from paas.console import Console
from paas.deploy import builds, materials, own_packages, room, stacks
from paas.deploy.notes import noted
from paas.deploy.pipeline import cut, deployed, operation, refuse_locked, tail
from paas.deploy.stacks import USUAL, Base
from paas.errors import Cancelled, PaasError
from paas.model.app import App
from paas.model.build import BuildKind
from paas.model.image import Origin, Step
from paas.model.release import Image, Layer, Release
from paas.model.stack import PREFIX
from paas.platform import Platform

# packages whose versions up to a point programs are built for
TIED = {"python3": re.compile(r"(\d+\.\d+)"), "libc6": re.compile(r"(\d+)\.")}


def rebase(platform: Platform, name: str, console: Console, actor: str) -> Release | None:
    """A release of the app on its stack's newest snapshot; None when it is on that already.

    Packages of its own are looked up anew in either case: Debian mends those too. Raises
    PaasError when it has to be built again instead, or is not healthy there: then what served
    goes on serving.
    """
    with operation(platform, name, console, "a rebase") as app:
        refuse_locked(app)
        current = deployed(platform, app)
        base = base_of(platform, app, current.image)
        old = stack_layers(current.image)
        if old == base.run and not own_packages.of_image(current.image):
            tell_newest(app, base, console)
            return None
        if not old:
            raise PaasError(f"the image of {name} has no stack below it", again(app))
        own_packages.known(app, current.image)
        refuse_unfit(platform, app, base, (old, base.run), console)
        words = f"Rebase onto {base.name} {base.snapshot}".rstrip()
        words = words if old != base.run else "Rebase onto newer Debian packages"
        with (
            builds.recorded(platform, name, console, BuildKind.DEPLOY, actor),
            noted(platform, name, actor, "deploy", words) as note,
        ):
            config = platform.store.config.merged(app)
            image = moved(platform, app, current.image, base, console)
            if image.layers == current.image.layers:
                note.detail = f"{words}: there are none"
                tell_newest(app, base, console)
                return None
            console.step(f"Releasing {name}...")
            new = cut(platform, app, image, config, words, actor, console)
            note.detail = f"{new.name}: {words}"
            tail(platform, app, new, console)
        return new


def tell_newest(app: App, base: Base, console: Console) -> None:
    console.step(f"{app.name} is on the newest {base.name} already")


def moved(platform: Platform, app: App, image: Image, base: Base, console: Console) -> Image:
    """The image on the stack, its own Debian packages as they are there; PaasError: unfit."""
    made = exchanged(image, base)
    if not own_packages.of_image(image):
        return made
    builds.at("build")
    room.admit(platform, app.name, "the rebase", console)
    try:
        made = own_packages.renewed(platform, app, made, base, console)
    except Cancelled:
        raise
    except PaasError as error:
        raise unfit(app, base, error.message, error.hint) from error
    refuse_unfit(platform, app, base, (system_layers(image), system_layers(made)), console)
    return made


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


def system_layers(image: Image) -> tuple[Layer, ...]:
    """The layers with Debian's packages: the stack, and the app's own upon it."""
    return (*stack_layers(image), *own_packages.of_image(image))


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
    base: Base,
    layers: tuple[Sequence[Layer], Sequence[Layer]],
    console: Console,
) -> None:
    """PaasError when what was built on the first layers may not run on the second ones."""
    before, after = (materials.debian_packages(platform, each, console) for each in layers)
    if problem := misfit(before, after):
        raise unfit(app, base, problem)


def unfit(app: App, base: Base, problem: str, hint: str = "") -> PaasError:
    words = f"{app.name} cannot be rebased onto {base.name}: {problem}"
    return PaasError(words, hint or again(app))


def again(app: App) -> str:
    return f"build it again: paas ps:rebuild {app.name}"


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
