"""Layers on disk: directories of files, immutable once they have their id.

Touches: <root>/<id>/{files,layer.json}, <root>/building/. An upper becomes a layer
by rename; nothing is copied, packed or compressed on the way.
"""

import errno
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image import durable
from paas.image.durable import remove_tree
from paas.model.release import Layer

log = logging.getLogger(__name__)

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
BUILDING = "building"


class Layers:
    """The layers of one instance, and those it shares read-only with others."""

    def __init__(self, root: Path, shared: Sequence[Path] = ()) -> None:
        self.root = root
        self.shared = tuple(shared)
        self._known: dict[str, Layer] = {}

    def path(self, layer: Layer) -> Path:
        """The directory with a layer's files."""
        return self._home(layer.id) / "files"

    def find(self, layer_id: str) -> Layer | None:
        """The layer of that id, or None when it is not there (whole)."""
        home = self._home(layer_id)
        if not home.is_dir():
            self._known.pop(layer_id, None)
            return None
        if layer_id not in self._known:
            self._known[layer_id] = read(home)
        return self._known[layer_id]

    def list(self) -> list[Layer]:
        """Every layer of this instance, without the shared ones."""
        if not self.root.is_dir():
            return []
        names = sorted(entry.name for entry in self.root.iterdir())
        return [layer for name in names if name != BUILDING and (layer := self.find(name))]

    def new_upper(self, uid_base: int) -> Path:
        """An empty directory `files` with a sibling `work`, for an overlay owned by uid_base."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)  # setuid programs of apps are in there
        home = self.root / BUILDING / secrets.token_hex(6)
        for path in (home / "files", home / "work"):
            path.mkdir(parents=True)
            os.chown(path, uid_base, uid_base)
        return home / "files"

    def adopt(self, upper: Path, layer_id: str, uid_base: int) -> Layer:
        """Make an unmounted upper the layer layer_id, durably; its files are uid_base's.

        Where that layer exists already the upper is dropped and the existing one returned.
        """
        draft, home = self._draft(upper), self._checked(layer_id)
        layer = Layer(layer_id, uid_base, disk_usage(upper))
        remove_tree(draft / "work")
        (draft / "layer.json").write_text(json.dumps({"uid_base": uid_base, "bytes": layer.bytes}))
        durable.sync_filesystem(draft)
        failpoint("layer.adopt")
        try:
            draft.rename(home)
        except OSError:
            existing = self.find(layer_id)
            if existing is None:
                raise
            remove_tree(draft)
            return existing
        failpoint("layer.adopted")
        durable.sync_directory(self.root)
        self._known[layer_id] = layer
        return layer

    def discard(self, upper: Path) -> None:
        """Delete an upper that shall not become a layer. Idempotent."""
        remove_tree(self._draft(upper))

    def remove(self, layer_id: str) -> None:
        """Delete a layer nobody mounts: gone at once, never half there. Idempotent."""
        self._known.pop(layer_id, None)
        grave = self.root / BUILDING / f"removed-{secrets.token_hex(6)}"
        grave.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._checked(layer_id).rename(grave)
        except FileNotFoundError:
            return
        remove_tree(grave)

    def sweep(self) -> None:
        """Delete what interrupted builds and removals left, in the background.

        Only while no build runs: what is begun after this returns is left alone.
        """
        building = self.root / BUILDING
        left = list(building.iterdir()) if building.is_dir() else []
        threading.Thread(target=remove_all, args=(left,), name="layers-sweep", daemon=True).start()

    def _draft(self, upper: Path) -> Path:
        if upper.name != "files" or upper.parent.parent != self.root / BUILDING:
            raise PaasError(f"{upper} was not made by new_upper")
        return upper.parent

    def _home(self, layer_id: str) -> Path:
        own = self._checked(layer_id)
        if self.shared and not own.is_dir():
            for root in self.shared:
                if (root / layer_id).is_dir():
                    return root / layer_id
        return own

    def _checked(self, layer_id: str) -> Path:
        if not ID.fullmatch(layer_id) or layer_id == BUILDING:
            raise PaasError(f"{layer_id[:80]!r} is not a layer's id")
        return self.root / layer_id


def remove_all(paths: Sequence[Path]) -> None:
    """Delete files and directories; one that cannot be is told, and left."""
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink()
        except OSError as error:
            log.warning("%s stays: %s", path, error)


def read(home: Path) -> Layer:
    """The layer in a directory."""
    try:
        values = json.loads((home / "layer.json").read_text())
        return Layer(home.name, int(values["uid_base"]), int(values["bytes"]))
    except (OSError, ValueError, KeyError) as error:
        raise PaasError(
            f"layer {home.name} is damaged: {error}", f"remove {home} and deploy again"
        ) from error


def disk_usage(path: Path) -> int:
    """Bytes of disk under a directory; a file with several names counts once.

    Raises PaasError where folders are nested too deeply to be named.
    """
    total = 0
    seen: set[int] = set()
    pending = [os.fspath(path)]
    while pending:
        for status, below in entries(pending.pop()):
            if status.st_nlink == 1 or status.st_ino not in seen:
                total += status.st_blocks * 512
            if below:
                pending.append(below)
            elif status.st_nlink > 1:
                seen.add(status.st_ino)
    return total


def entries(path: str) -> Iterator[tuple[os.stat_result, str]]:
    """Status of each entry of a directory, and its path where it is a directory itself."""
    try:
        with os.scandir(path) as scan:
            for entry in scan:
                below = entry.path if entry.is_dir(follow_symlinks=False) else ""
                yield entry.stat(follow_symlinks=False), below
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise PaasError(
            "folders are nested too deeply to be kept", "see what the build makes below /app"
        ) from error
