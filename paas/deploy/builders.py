"""Builders: the ways from a commit to an image, and which of them builds an app.

A new way is one more entry of BUILDERS: a name, whether it fits a commit, and how it builds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from paas.console import Console
from paas.deploy import build as herokuish
from paas.deploy import build_config, policies, room
from paas.deploy.images import cnb, dockerfile
from paas.deploy.source import Source
from paas.errors import PaasError
from paas.model.app import App
from paas.model.image import Origin
from paas.model.occasion import BuildDone, BuildStarting
from paas.model.release import Image
from paas.platform import Platform
from paas.version import VERSION

Build = Callable[[Platform, App, Source, dict[str, str], Console], Image]
Fits = Callable[[Platform, App, Source, dict[str, str]], bool]


@dataclass(frozen=True, slots=True)
class Builder:
    """One way to build. fits: whether it is taken when nobody chose; the first that does is."""

    name: str
    words: str
    fits: Fits
    build: Build


def builds_nothing(
    _platform: Platform, app: App, _source: Source, _config: dict[str, str], _console: Console
) -> Image:
    raise PaasError(
        f"the builder of {app.name} is null, which builds nothing",
        f"choose another: paas builder:set {app.name} selected",
    )


# in the order in which they are asked; the last one takes what nobody else wants
BUILDERS = (
    Builder("null", "builds nothing", lambda *_: False, builds_nothing),
    Builder("dockerfile", "a Dockerfile", dockerfile.fits, dockerfile.build),
    Builder("pack", "Cloud Native Buildpacks", cnb.fits, cnb.build),
    Builder("herokuish", "buildpacks", lambda *_: True, herokuish.build),
)


def names() -> tuple[str, ...]:
    return tuple(sorted(one.name for one in BUILDERS))


def chosen(platform: Platform, app: App, source: Source, config: dict[str, str]) -> Builder:
    """The builder that was selected for the app or the instance, else the first that fits."""
    selected = policies.value(platform, app, "builder", "selected")
    if selected is None:
        return next(one for one in BUILDERS if one.fits(platform, app, source, config))
    for one in BUILDERS:
        if one.name == selected:
            return one
    raise PaasError(f"there is no builder {selected} here", f"there are: {', '.join(names())}")


def build(
    platform: Platform, app: App, source: Source, config: dict[str, str], console: Console
) -> Image:
    """The image of a commit, by the builder that is this app's; PaasError when it cannot be.

    config is what its processes get; builds see more, or less.
    """
    room.admit(platform, app.name, f"the build of {app.name}", console)
    seen = build_config.of_build(platform, app, config)
    builder = chosen(platform, app, source, seen)
    platform.plugins.allow(BuildStarting(builder.name, app.name), "paas", console)
    image = builder.build(platform, app, source, seen, console)
    image = replace(image, origin=origin(image, builder, source, seen))
    platform.plugins.allow(BuildDone(builder.name, app.name), "paas", console)
    platform.store.properties.set(app, "builder", "detected", builder.name)
    return image


def origin(image: Image, builder: Builder, source: Source, seen: dict[str, str]) -> Origin:
    """What is known of how an image was built; the builder may have told of its stack."""
    return replace(
        image.origin or Origin(),
        builder=builder.name,
        variables=tuple(sorted(seen)),
        root=source.root,
        program=VERSION,
    )
