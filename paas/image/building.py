"""The workplace beside the layers: uppers in the making, and what is being deleted.

Touches: <root>/building. What is in somebody's hands there is known in memory; the rest
was left by a daemon that was killed, or could not be deleted.
"""

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from paas.errors import PaasError
from paas.image.durable import remove_tree

NAME = "building"


class Building:
    """The workplace of one directory of layers. For any thread."""

    def __init__(self, layers: Path) -> None:
        self._layers = layers
        self._root = layers / NAME
        self._in_hand: set[Path] = set()

    def new_upper(self, uid_base: int) -> Path:
        """An empty directory `files` with a sibling `work`, for an overlay owned by uid_base."""
        self._layers.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._layers.chmod(0o700)  # setuid programs of apps are in there
        home = self._place(secrets.token_hex(6))
        for path in (home / "files", home / "work"):
            path.mkdir(parents=True)
            os.chown(path, uid_base, uid_base)
        return home / "files"

    def take(self, parent: int, name: str, uid_base: int) -> Path:
        """A directory in another (a descriptor of it) as an upper, by rename.

        Who filled it may have put a link in its place: PaasError then.
        """
        upper = self.new_upper(uid_base)
        upper.rmdir()
        try:
            os.rename(name, upper, src_dir_fd=parent)
            if upper.is_symlink() or not upper.is_dir():
                raise PaasError("a layer is no directory", "do it again")
        except BaseException:
            upper.unlink(missing_ok=True)
            self.bury(upper.parent)
            raise
        return upper

    def draft(self, upper: Path) -> Path:
        """The directory that an upper was made in; PaasError for any other."""
        if upper.name != "files" or upper.parent.parent != self._root:
            raise PaasError(f"{upper} was not made by new_upper")
        return upper.parent

    def grave(self, path: Path) -> Path | None:
        """Have a path be gone at once; where it is to be deleted (bury). None: it was gone."""
        grave = self._place(f"removed-{secrets.token_hex(6)}")
        grave.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.rename(grave)
        except OSError as error:
            self.leave(grave)
            if error.errno == errno.ENOENT:
                return None
            raise
        return grave

    def bury(self, grave: Path, remove: Callable[[Path], None] = remove_tree) -> None:
        """Delete what is here; OSError for what cannot be, which is a stray from then on."""
        try:
            remove(grave)
        finally:
            self.leave(grave)

    def leave(self, path: Path) -> None:
        """It is in nobody's hands any more: it was moved away, or is a stray."""
        self._in_hand.discard(path)

    def strays(self) -> list[Path]:
        """What is here and in nobody's hands."""
        found = list(self._root.iterdir()) if self._root.is_dir() else []
        return [path for path in found if path not in self._in_hand]

    def _place(self, name: str) -> Path:
        """A new place, in hand before it is there."""
        path = self._root / name
        self._in_hand.add(path)
        return path
