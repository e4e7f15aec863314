"""Layer: install one dependency layer, from nothing but the files in its key.

What ends up below /app is the layer. It must depend only on the plan, on those
files and on the config vars installers read, or a reused layer would be wrong.
"""

import os
import shutil
import sys
from typing import Any

from lifecycle import debian, packs
from lifecycle.packs import Place
from lifecycle.unpack import unpack

WHOLE_TREE = "."


def layer(place: Place, source: str, plan: dict[str, Any], *, grown: bool) -> int:
    """Unpack the layer's files to source and install.

    Where folders of the app are among them, or all of it, they go to where the app
    will have them. grown: below /app is what the layer provided last time.
    """
    if plan.get("system"):
        debian.install(plan)
        return 0
    files = plan.get("files", [])
    folders = tuple(name for name in files if name.endswith("/"))
    if folders or WHOLE_TREE in files:
        source = place.build_dir
    for folder in folders if grown else ():
        shutil.rmtree(os.path.join(source, folder), ignore_errors=True)
    os.makedirs(source, exist_ok=True)
    listed = set(files)
    unpack(
        sys.stdin.buffer,
        source,
        wanted=lambda path: WHOLE_TREE in listed or path in listed or path.startswith(folders),
    )
    packs.load(plan["pack"]).layer({**plan, "grown": grown}, source, place)
    return 0
