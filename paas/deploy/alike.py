"""Alike: a layer that was just made and has a twin is stored once, before anything serves from it.

Upkeep finds twins too, but what is mounted by then keeps its own files until it ends.
Digests are taken beside the rest of the build, by a child, and only where another layer
has the same names and sizes.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from paas.errors import PaasError
from paas.image.errands import Errands
from paas.image.layers import Layers
from paas.model.release import Layer
from paas.platform import Platform

log = logging.getLogger(__name__)

PATIENCE_S = 5.0  # a build waits no longer for what only saves space


@contextmanager
def stored_once(platform: Platform, layers: Sequence[Layer]) -> Iterator[None]:
    """While the block goes on, compare new layers with those that look like them, and merge."""
    likely = [layer.id for layer in layers if may_have_a_twin(platform.layers, layer.id)]
    if not likely:
        yield
        return
    with Errands(platform.runner, hurry=True) as errands:
        work = threading.Thread(
            target=compare, args=(platform.layers, errands, likely), name="alike", daemon=True
        )
        work.start()
        try:
            yield
        finally:
            work.join(PATIENCE_S)


def may_have_a_twin(layers: Layers, layer_id: str) -> bool:
    record = layers.record(layer_id)
    return record is not None and not record.digest and bool(layers.alike(layer_id))


def compare(layers: Layers, errands: Errands, new: Sequence[str]) -> None:
    """Give each of the new layers the files of an older one with the same content."""
    try:
        for layer_id in new:
            others = [record.layer.id for record in layers.alike(layer_id)]
            for one in (layer_id, *others):
                look_at(layers, errands, one)
            if any(layers.merge(layer_id, other) for other in others):
                log.info("layer %s has the files of a twin from the beginning", layer_id)
    except (PaasError, OSError) as error:
        log.info("layers were not compared to the end: %s", error)


def look_at(layers: Layers, errands: Errands, layer_id: str) -> None:
    """Note a layer's digest, unless that is known."""
    record = layers.record(layer_id)
    if record is not None and not record.digest:
        layer = record.layer
        layers.note_digest(layer_id, errands.digest(layers.path(layer), layer.uid_base))
