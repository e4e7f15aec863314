"""Layers of the same content, stored once.

Apps' own dependency layers are made apart, since install scripts fill them; often they
come out alike all the same. Then the later ones get the files of the first: what is
mounted from now on is mounted from those, and their own go once nothing is mounted from
them. Nothing is ever written to a layer, so no app is within reach of another's.
"""

import logging
from collections.abc import Iterable, Iterator

from paas.deploy.alike import look_at
from paas.image.record import Record
from paas.upkeep import layers as unneeded
from paas.upkeep.round import Round

log = logging.getLogger(__name__)


def merge(round_: Round) -> None:
    """Look at what was never looked at, and store once what is alike."""
    if round_.wish.only is not None:
        return
    layers = round_.platform.layers
    for record in layers.all():
        if not record.digest and not record.same_as:
            try:
                look_at(layers, round_.errands, record.layer.id)
            except OSError as error:  # it is gone by now, or cannot be read
                log.info("layer %s has no digest: %s", record.layer.id, error)
    for copy, original in pairs(layers.all()):
        if round_.wish.dry:
            round_.note("copy", copy, round_.errands.measure(layers.path_of(copy)).own_bytes)
        elif layers.merge(copy, original):
            log.info("layer %s has the files of %s from now on", copy, original)
    unneeded.copies(round_)


def pairs(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Each layer that has a twin, with the one whose files it is to get.

    That is the one whose files others have already, or the first by name: never one that
    is to get the files of another itself.
    """
    known = list(records)
    originals = {record.same_as for record in known}
    by_digest: dict[str, list[Record]] = {}
    for record in known:
        if record.digest and not record.same_as:
            by_digest.setdefault(record.digest, []).append(record)
    for alike in by_digest.values():
        alike.sort(key=lambda one: (one.layer.id not in originals, one.layer.id))
        for record in alike[1:]:
            if record.layer.id not in originals:
                yield record.layer.id, alike[0].layer.id
