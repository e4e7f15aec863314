"""Preparing: what plugins find when the daemon has started.

Touches: <state>/plugins, all of it root's but each plugin's own folder.
"""

import shutil

from paas.git.hooks import place
from paas.plugins.places import PROGRAM, Places

CORE = PROGRAM / "hooks" / "core"


def prepare(places: Places) -> None:
    """The folders, the programs and dokku's functions in place; what was left half done, gone."""
    shutil.rmtree(places.staging, ignore_errors=True)
    for folder in places.own_folders:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
    for name in ("paas", "dokku"):
        place(PROGRAM / "bin" / "paas", places.bin / name)
    for path in (one for one in CORE.rglob("*") if one.is_file()):
        target = places.core / "available" / path.relative_to(CORE)
        target.parent.mkdir(mode=0o755, exist_ok=True)
        place(path, target)
