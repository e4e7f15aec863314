"""History: which step added each layer of an image, for those that keep it and for ours."""

import re

from paas.model.image import Step
from paas.model.release import Image, Layer

# what the names of our own layers say (image/stack, deploy/dependencies, deploy/build)
NAMES = (
    (
        re.compile(r"stack-([a-z0-9-]*[a-z0-9])-{1,2}(run|build|tools)-"),
        "Debian: {0}, the {1} stack",
    ),
    (re.compile(r"source-"), "the app's files, as its buildpacks left them"),
    (re.compile(r"predeploy-"), "what the predeploy script wrote"),
    (re.compile(r"commit-"), "what a running container had changed"),
    (re.compile(r"image-"), "a layer of an image from elsewhere"),
    (re.compile(r"dockerfile-"), "a step of a Dockerfile"),
    (re.compile(r"([a-z0-9]+)-([a-z0-9-]+)-[0-9a-f]{32}$"), "buildpack {0}: {1}"),
)


def steps(image: Image) -> tuple[Step, ...]:
    """What was done to make an image, bottom first: every layer of it is in one of them."""
    told = {step.layer for step in image.steps}
    late = [of_layer(layer, image) for layer in image.layers if layer.id not in told]
    return (*image.steps, *late)


def of(image: Image, layer: Layer) -> Step:
    """The step that added one of an image's layers."""
    return next(step for step in steps(image) if step.layer == layer.id)


def of_layer(layer: Layer, image: Image) -> Step:
    """The step that a layer's name speaks of."""
    for pattern, words in NAMES:
        if found := pattern.match(layer.id):
            text = words.format(*found.groups())
            commit = f" (commit {image.commit[:8]})" if layer.id.startswith("source-") else ""
            return Step(text + (commit if image.commit else ""), layer.id)
    return Step(layer.id, layer.id)
