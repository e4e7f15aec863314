"""Stacks: what an app is built and run on by buildpacks; ours, or an image in its place.

Such an image needs what the lifecycle uses: python3, bash and tar, as `paas/stack:build`
has them. Builds and apps run on the same layers of it.
"""

import hashlib
import os
from dataclasses import dataclass, field

from paas.deploy import policies
from paas.deploy.images import catalogue
from paas.errors import PaasError
from paas.image import opaque
from paas.image.furnishing import MOUNT_POINTS
from paas.model.app import App
from paas.model.container import APP_UID, ExitStatus
from paas.model.release import Image, Layer
from paas.model.stack import Snapshot
from paas.platform import Platform

USUAL = "heroku-24"
PROPERTY = "stack"
STAGE = "stage-1"  # its number changes with what prepare does
NOT_FOUND = 127  # as shells and our init have it
OURS_TO_SAY = ("HOME", "STACK", "PORT")


@dataclass(frozen=True, slots=True)
class Base:
    """What lies under everything a build makes.

    digest: changes with what it is made of, but not with Debian's updates of that, for which
    a new snapshot of it is made. environment: what its image says to every process.
    """

    name: str
    run: tuple[Layer, ...]
    build: tuple[Layer, ...]
    digest: str
    environment: dict[str, str] = field(default_factory=dict)
    snapshot: str = ""


def of_app(platform: Platform, app: App) -> Base:
    """The stack of an app; PaasError when its image is not here or not for its eyes."""
    name = policies.value(platform, app, "buildpacks", PROPERTY) or USUAL
    if (stack := named(platform, name)) is not None:
        return stack
    image = find(platform, app, name)
    layers = (*image.layers, stage(platform))
    ids = "\n".join(layer.id for layer in layers)
    spoken = {key: text for key, text in image.environment.items() if key not in OURS_TO_SAY}
    return Base(name, layers, layers, hashlib.sha256(ids.encode()).hexdigest()[:12], spoken)


def named(platform: Platform, name: str) -> Base | None:
    """A stack of ours as builds take it now: its newest snapshot; None for a name of none."""
    made = platform.store.stacks.current(name)
    if made is not None and is_here(platform, made):
        return Base(name, made.run, made.build, made.digest, snapshot=made.id)
    if name == USUAL:
        stack = platform.stack
        return Base(name, stack.run_layers, stack.build_layers, stack.digest)
    if made is not None:
        raise PaasError(f"parts of the stack {name} are not here", f"paas stack:update {name}")
    return None


def is_here(platform: Platform, made: Snapshot) -> bool:
    """Whether a snapshot may serve: it is whole, and of the usual stack as this version has it."""
    whole = all(platform.layers.find(one.id) for one in (*made.run, *made.build))
    return whole and (made.name != USUAL or made.digest == platform.stack.digest)


def find(platform: Platform, app: App | None, name: str) -> Image:
    """The image that is to be a stack, all of it."""
    found = catalogue.find(platform, app, name)
    if found is None:
        raise PaasError(
            f"there is no image {name[:120]} here to be a stack",
            f"take it in with paas images:import {name[:120]} docker://..., or see paas "
            f"images:list; the usual stack is {USUAL}, others are in paas stack:list",
        )
    if not all(platform.layers.find(layer.id) for layer in found.image.layers):
        raise PaasError(f"parts of the image {name[:120]} are not here any more", "import it again")
    return found.image


def check_fit(base: Base, status: ExitStatus, program: str) -> None:
    """PaasError when an image in place of our stack has not what runs builds."""
    if status.code == NOT_FOUND and base.name != USUAL:
        raise PaasError(
            f"the stack {base.name} has no {program}",
            "make it FROM paas/stack:build, or put python3 (3.11 or newer), bash and tar into it",
        )


def stage(platform: Platform) -> Layer:
    """A layer that makes room in an image: an empty /app, and where the engine mounts things."""
    layers = platform.layers
    if made := layers.find(STAGE):
        return made
    upper = layers.new_upper(0)
    for name in MOUNT_POINTS:
        (upper / name).mkdir(mode=0o755)
    os.chown(upper / "app", APP_UID, APP_UID)
    opaque.mark(upper, ("app",))
    return layers.adopt(upper, STAGE, 0)
