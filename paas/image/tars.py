"""Layers as tars, each packed once: what its tar hashes to is kept beside it.

Touches: children that pack, at a low priority, and the files they write.
"""

import json
import sys
from pathlib import Path

import paas
from paas.command import Runner
from paas.errors import PaasError
from paas.image import durable
from paas.image.layers import Layers
from paas.image.pack import Packed
from paas.model.release import Layer

HOME = Path(paas.__path__[0]).parent
NOTE = "tar.json"
TIMEOUT_S = 1800.0


def write(layers: Layers, runner: Runner, layer: Layer, target: Path) -> Packed:
    """Write a layer's tar, whose bytes depend on nothing but the layer's files."""
    packed = write_tree(runner, layers.path(layer), layers.stored(layer).uid_base, target)
    note(layers, layer, packed)
    return packed


def write_tree(runner: Runner, files: Path, uid_base: int, target: Path) -> Packed:
    """Write a tree that nobody is changing, owned from uid_base on, as a tar."""
    argv = (
        *("nice", "-n", "10", sys.executable, "-m", "paas.image", "pack"),
        *(str(files), str(uid_base), str(target)),
    )
    return parsed(runner.run(argv, cwd=HOME, timeout_s=TIMEOUT_S).text)


def known(layers: Layers, layer: Layer) -> Packed | None:
    """What a layer's tar hashes to, when it was packed before."""
    try:
        return parsed(layers.note(layer, NOTE).read_text())
    except FileNotFoundError:
        return None


def parsed(text: str) -> Packed:
    try:
        values = json.loads(text)
        return Packed(str(values["diff_id"]), int(values["bytes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PaasError("a layer could not be packed") from error


def note(layers: Layers, layer: Layer, packed: Packed) -> None:
    """Keep it for the next time."""
    path = layers.note(layer, NOTE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.write(path, json.dumps({"diff_id": packed.diff_id, "bytes": packed.bytes}))
