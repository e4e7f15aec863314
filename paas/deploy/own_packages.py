"""An app's own Debian packages: which ones its image has, and the same ones for another stack.

They are looked up and installed as in a build, in build containers: looked up by the app's
user, installed by a container's root over the stack alone (buildpacks/lifecycle/debian.py).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from urllib.parse import unquote, urlsplit

from paas.console import Console
from paas.deploy import build_config, dependencies, source
from paas.deploy.dependencies import LayerPlan
from paas.deploy.stacks import Base
from paas.deploy.workshop import Workshop, failure, run, workshop
from paas.errors import PaasError
from paas.model.app import App
from paas.model.image import Origin, Packages, Step
from paas.model.release import Image, Layer
from paas.platform import Platform

PREFIX = "debian-run-packages-"
NAMED = ("debian", "run-packages", "run")  # pack, name and system of a plan of them

Made = Sequence[tuple[LayerPlan, Layer]]


# -- which ---------------------------------------------------------------------------------


def of_image(image: Image) -> tuple[Layer, ...]:
    """The image's layers of them; most have one, or none."""
    return tuple(layer for layer in image.layers if layer.id.startswith(PREFIX))


def told(have: Iterable[tuple[LayerPlan, Layer]]) -> tuple[Packages, ...]:
    """Those among the layers of a build, as an image's origin keeps them."""
    found = (
        Packages(
            layer.id,
            texts(plan.document.get("wants")),
            texts(plan.document.get("repositories")),
            tuple(file_name(one) for one in texts(plan.document.get("packages"))),
        )
        for plan, layer in have
        if is_one(plan)
    )
    return tuple(one for one in found if one.wanted)


def known(app: App, image: Image) -> tuple[Packages, ...]:
    """The packages of the image's layers; PaasError where its build did not note which."""
    noted = {one.layer: one for one in image.origin.packages} if image.origin else {}
    found = [noted.get(layer.id) for layer in of_image(image)]
    if None in found:
        raise PaasError(
            f"{app.name} has Debian packages of its own, and nobody noted which when it was built",
            f"build it again, this once: paas ps:rebuild {app.name}",
        )
    return tuple(one for one in found if one)


def is_one(plan: LayerPlan) -> bool:
    return (plan.pack, plan.name, plan.system) == NAMED


def texts(value: object) -> tuple[str, ...]:
    """Only the printable strings of a JSON list, which came out of the sandbox."""
    found = value if isinstance(value, list) else []
    return tuple(one for one in found if isinstance(one, str) and one.isprintable())


def file_name(package: str) -> str:
    """`tree_2.2.1-1_amd64.deb` of a planned `URL SHA256`; nothing of who may fetch it."""
    address = package.partition(" ")[0]
    try:
        return unquote(urlsplit(address).path.rpartition("/")[2])
    except ValueError:
        return ""


# -- made anew -----------------------------------------------------------------------------


def renewed(platform: Platform, app: App, image: Image, base: Base, console: Console) -> Image:
    """The image with its own packages as they are now for a stack, in the old ones' places.

    Raises PaasError when there are none such any more, or they cannot be installed.
    """
    old = known(app, image)
    config = build_config.of_build(platform, app, platform.store.config.merged(app))
    with (
        platform.builds.hold("", console, f"the packages of {app.name}"),
        workshop(platform, app, source.nothing(app), config, console, base) as shop,
    ):
        made = {one.layer: dependencies.make(shop, looked_up(shop, one)) for one in old}
    remember(platform, app, [plan for plan, _ in chain.from_iterable(made.values())])
    return exchanged(image, made)


def remember(platform: Platform, app: App, made: Sequence[LayerPlan]) -> None:
    """Have the next build plan these rather than what it planned last."""
    new = {asked(plan): plan for plan in made}
    last = dependencies.last_plan(platform, app)
    dependencies.keep_plan(platform, app, [new.get(asked(one), one) for one in last])


def asked(plan: LayerPlan) -> str:
    """A plan without what it was resolved to."""
    return json.dumps({**plan.document, "packages": []}, sort_keys=True)


def looked_up(shop: Workshop, old: Packages) -> list[LayerPlan]:
    """The plan of a layer with the same packages; none when the stack has them all itself."""
    wanted = json.dumps({"names": old.wanted, "repositories": old.repositories})
    layers = shop.platform.layers
    upper = layers.new_upper(shop.platform.settings.uids(shop.app.slot))
    try:
        status, results = run(shop, ("packages", "--wanted", wanted), [], upper, ())
    finally:
        layers.discard(upper)
    if status.code != 0:
        raise failure(shop, status, results)
    plans = dependencies.plans(results["plan"].get("layers"))
    if not all(map(is_one, plans)):
        raise PaasError("the lookup of packages came to something else than packages")
    return plans


def exchanged(image: Image, made: Mapping[str, Made]) -> Image:
    """The image with other layers in place of some, which are named by their ids."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found: list[Layer] = []
    for layer in image.layers:
        found += [new for _, new in made[layer.id]] if layer.id in made else [layer]
    steps: list[Step] = []
    for step in image.steps:
        anew = [replace(step, layer=new.id, created_at=now) for _, new in made.get(step.layer, ())]
        steps += anew if step.layer in made else [step]
    packages = told(chain.from_iterable(made.values()))
    origin = replace(image.origin or Origin(), packages=packages)
    return replace(image, layers=tuple(found), steps=tuple(steps), origin=origin)
