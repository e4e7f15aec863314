"""Stocktaking: what is in layers that releases have is looked at while nobody waits for it."""

import logging

from paas.deploy import materials, snapshots
from paas.errors import PaasError
from paas.upkeep.round import Round

log = logging.getLogger(__name__)


def take_stock(round_: Round) -> None:
    """Look into the layers of current releases that nobody has looked into."""
    platform = round_.platform
    if round_.wish.dry:
        return
    snapshots.forget_unused(platform)
    currents = [platform.store.releases.current(app) for app in round_.apps()]
    layers = {layer.id: layer for one in currents if one for layer in one.image.layers}
    for layer in layers.values():
        try:
            with platform.layers.leased():
                if platform.layers.find(layer.id) is not None:
                    materials.of_layer(platform, round_.errands, layer)
        except (PaasError, OSError) as error:  # it is gone by now, or cannot be read
            log.info("nobody knows what is in layer %s: %s", layer.id, error)
