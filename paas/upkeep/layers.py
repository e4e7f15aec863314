"""Layers that no release, no named image and no other layer needs any more."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from paas.deploy import prune
from paas.image.collection import Collection as LayerCollection
from paas.image.layers import Layers
from paas.image.record import Record
from paas.upkeep.releases import surplus_ids
from paas.upkeep.round import Round, log


@dataclass(frozen=True, slots=True)
class Facts:
    """What is needed, and by what it is judged whether the rest may serve again."""

    needed: Collection[str]
    apps: Collection[int]
    used_at: Callable[[str], float]


def old_layers(round_: Round) -> None:
    """Remove what will not serve again, or has not for long; all that nobody needs if wished."""
    settings = round_.platform.settings
    with round_.platform.layers.collecting() as collection:
        facts = known(round_)
        before = float("inf") if round_.wish.everything else time.time() - settings.layers_unused_s
        for record in doomed(round_.platform.layers.all(), facts, before):
            remove(round_, collection, record)
    old_stacks(round_, facts.needed)


def known(round_: Round) -> Facts:
    """What is known now; to be asked within a collection."""
    platform = round_.platform
    needed = prune.needed(platform, without=surplus_ids(round_))
    apps = {app.id for app in platform.store.apps.list()}
    return Facts(needed, apps, platform.layers.used_at)


def doomed(records: Iterable[Record], facts: Facts, before: float) -> list[Record]:
    """Layers to remove: not needed, and either of no use to anybody or last used before then.

    Those that have another one's files come first; whose files any other layer has, stays.
    """
    known_records = list(records)
    leaving = {
        record.layer.id: record
        for record in known_records
        if record.layer.id not in facts.needed and is_waste(record, facts, before)
    }
    kept = {one.same_as for one in known_records if one.same_as and one.layer.id not in leaving}
    return sorted(
        (record for record in leaving.values() if record.layer.id not in kept),
        key=lambda record: not record.same_as,
    )


def is_waste(record: Record, facts: Facts, before: float) -> bool:
    layer_id = record.layer.id
    of_nobody = record.app and record.app not in facts.apps
    useless = of_nobody or layer_id.startswith(prune.OF_ONE_RELEASE)
    return bool(useless) or facts.used_at(layer_id) < before


def remove(round_: Round, collection: LayerCollection, record: Record) -> None:
    """Remove a layer, unless somebody has come to need it."""
    layers, layer_id = round_.platform.layers, record.layer.id
    if round_.wish.only is not None and record.app != round_.wish.only.id:
        return
    if round_.wish.dry:
        free = layer_id not in layers.holds.held()
        grave = layers.root / layer_id if free and not record.same_as else None
    else:
        free = (grave := collection.remove(layer_id)) is not None
    if free:
        round_.note("layer", layer_id, buried(round_, layers, grave))


def buried(round_: Round, layers: Layers, grave: Path | None) -> int:
    """Delete what was taken away (not in a dry run); how many bytes that frees."""
    if grave is None:
        return 0
    sizes: list[int] = []

    def remove_measured(path: Path) -> None:
        sizes.append(round_.errands.measure(path).own_bytes)
        if not round_.wish.dry:
            round_.errands.remove(path)

    try:
        layers.bury(grave, remove_measured)
    except OSError as error:
        log.warning("%s stays for now: %s", grave, error)
    return sum(sizes)


def old_stacks(round_: Round, needed: Collection[str]) -> None:
    """Stacks that this version does not use and no release has; never one made elsewhere."""
    platform, stack = round_.platform, round_.platform.stack
    if platform.settings.stack_dir or round_.wish.only is not None:
        return
    for record in stack.layers.all():
        layer_id = record.layer.id
        if layer_id in needed or not stack.is_former(layer_id):
            continue
        with platform.layers.holds.lock:
            if layer_id in platform.layers.holds.held():
                continue
            dry = round_.wish.dry
            grave = stack.root / layer_id if dry else stack.layers.take_away(layer_id)
        round_.note("layer", layer_id, buried(round_, stack.layers, grave))


def copies(round_: Round) -> None:
    """The own files of layers that have those of another one, once nothing is mounted from them."""
    if round_.wish.dry or round_.wish.only is not None:
        return
    layers = round_.platform.layers
    for layer_id in layers.copies():
        grave = layers.remove_copy(layer_id)
        if grave is not None:
            round_.note("copy", layer_id, buried(round_, layers, grave))


def stray_drafts(round_: Round) -> None:
    """What interrupted builds and removals left beside the layers."""
    if round_.wish.only is None:
        for path in round_.platform.layers.strays():
            round_.delete("leftover", path)


@dataclass(frozen=True, slots=True)
class Spare:
    """Something nobody needs, but the next build might; remove() may find that it is needed."""

    used_at: float
    remove: Callable[[], None]


def spare(round_: Round, collection: LayerCollection) -> list[Spare]:
    """Layers that nobody needs."""
    facts = known(round_)

    def removal(record: Record) -> Callable[[], None]:
        return lambda: remove(round_, collection, record)

    return [
        Spare(facts.used_at(record.layer.id), removal(record))
        for record in doomed(round_.platform.layers.all(), facts, float("inf"))
    ]
