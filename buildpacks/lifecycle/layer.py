"""Layer: install one dependency layer, from nothing but the files in its key.

What ends up below /app is the layer. It must depend only on the plan, on those
files and on the config vars installers read, or a reused layer would be wrong.
"""

import os
import sys
from typing import Any

from lifecycle import packs
from lifecycle.packs import Place
from lifecycle.unpack import unpack

WHOLE_TREE = "."


def layer(place: Place, source: str, plan: dict[str, Any]) -> int:
    """Unpack the layer's files to source (the whole tree: to the build directory) and install."""
    files = plan.get("files", [])
    if WHOLE_TREE in files:
        source = place.build_dir
        unpack(sys.stdin.buffer, source)
    else:
        os.makedirs(source, exist_ok=True)
        listed = set(files)
        unpack(sys.stdin.buffer, source, wanted=lambda path: path in listed)
    packs.load(plan["pack"]).layer(plan, source, place)
    return 0
