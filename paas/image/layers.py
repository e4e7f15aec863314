"""Layers on disk: directories of files, immutable once they have their id.

Touches: <root>/<id>/{files,layer.json}, <root>/building/. An upper becomes a layer
by rename; nothing is copied, packed or compressed on the way. Two layers of the same
content may have the files of one (merge): ask stored() where a layer's files are, and
whose they are.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image import building, durable, mounts, owners
from paas.image import record as records
from paas.image.building import Building
from paas.image.collection import Collection
from paas.image.durable import remove_tree
from paas.image.holds import Holds, Lease
from paas.image.record import Record, Records
from paas.image.trees import remove_all, survey
from paas.model.release import Layer

log = logging.getLogger(__name__)

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
USED_WITHIN_S = 3600.0  # how precisely it is known when a layer was last used


class Layers:
    """The layers of one instance, and those it shares read-only with others.

    Those that any app's build may use or grow out of are stored in one range of ids from
    common_base on; others in the range of the app that made them.
    """

    def __init__(self, root: Path, shared: Sequence[Path] = (), common_base: int = 0) -> None:
        self.root = root
        self.shared = tuple(shared)
        self.common_base = common_base
        self.holds = Holds()
        self._records = Records()
        self._damaged: set[str] = set()  # told once
        self._building = Building(root)

    # -- finding -------------------------------------------------------------------

    def find(self, layer_id: str) -> Layer | None:
        """The layer of that id, or None when it is not there (whole); leased from here on."""
        with self.holds.lock:
            record = self.record(layer_id)
            if record is None or not self._home(record.files_in).is_dir():
                return None
            leased = self.holds.touch(layer_id, record.files_in)
        if leased:
            self._used(layer_id)
        return record.layer

    def record(self, layer_id: str) -> Record | None:
        """What is known of a layer; None when there is none of that id."""
        with self.holds.lock:
            home = self._home(layer_id)
            if not home.is_dir():
                self._records.drop(layer_id)
                return None
            return self._records.get(layer_id) or self._records.put(records.read(home))

    def all(self) -> list[Record]:
        """Every layer of this instance, without the shared ones; those damaged are left out."""
        found = []
        for name in self._names():
            try:
                record = self._records.get(name) or self.record(name)
            except PaasError as error:
                if name not in self._damaged:
                    log.warning("%s", error.message)
                    self._damaged.add(name)
                continue
            found += [record] if record else []
        return found

    def list(self) -> list[Layer]:
        """Every layer of this instance, without the shared ones."""
        return [record.layer for record in self.all()]

    def stored(self, layer: Layer) -> Layer:
        """The layer whose files a layer has, and whose ids own them; PaasError when it is gone."""
        kept = self.holder(layer.id)
        if kept is None:
            raise PaasError(
                f"layer {layer.id} is not there any more", "deploy the app again: it is made anew"
            )
        return kept

    def holder(self, layer_id: str) -> Layer | None:
        """The same by a layer's id; None when it is gone."""
        with self.holds.lock:
            record = self.record(layer_id)
            kept = record and (record if not record.same_as else self.record(record.same_as))
        return kept.layer if kept else None

    def path(self, layer: Layer) -> Path:
        """The directory with a layer's files, owned as stored() says."""
        return self.path_of(layer.id)

    def path_of(self, layer_id: str) -> Path:
        """The same by a layer's id; where its files would be when it is not there."""
        record = self.record(layer_id)
        return self._home(record.files_in if record else layer_id) / "files"

    def note(self, layer: Layer, name: str) -> Path:
        """Where what was computed of a layer's files is kept: beside them, and gone with them.

        Of a layer that is shared with others: among our own.
        """
        home = self._home(self.stored(layer).id)
        if home.parent == self.root:
            return home / name
        return self.root.with_name("notes") / f"{home.name}.{name}"

    def is_common(self, layer: Layer) -> bool:
        """Whether a layer's files are in the common range, where others may be linked to them."""
        return self.stored(layer).uid_base == self.common_base

    def used_at(self, layer_id: str) -> float:
        """When a lease last found or made the layer, give or take an hour; seconds since 1970."""
        try:
            return (self._home(layer_id) / records.NAME).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    # -- who needs what ------------------------------------------------------------

    def hold(self, owner: str, layers: Sequence[Layer]) -> tuple[Layer, ...]:
        """Keep what these layers are stored in until let_go; the layers they are stored in."""
        with self.holds.lock:
            stored = tuple(self.stored(layer) for layer in layers)
            self.holds.take(owner, [layer.id for layer in stored])
        return stored

    def let_go(self, owner: str) -> None:
        """An owner needs nothing any more. Idempotent."""
        self.holds.drop(owner)

    def leased(self) -> AbstractContextManager[Lease]:
        """What this thread finds or makes in the block stays until it ends."""
        return self.holds.lease()

    # -- making --------------------------------------------------------------------

    def new_upper(self, uid_base: int) -> Path:
        """An empty directory `files` with a sibling `work`, for an overlay owned by uid_base."""
        return self._building.new_upper(uid_base)

    def take(self, parent: int, name: str, uid_base: int) -> Path:
        """A directory in another (a descriptor of it) as a draft, by rename: to be adopted next."""
        return self._building.take(parent, name, uid_base)

    def adopt(
        self, upper: Path, layer_id: str, uid_base: int, *, app: int = 0, common: bool = False
    ) -> Layer:
        """Make an unmounted upper the layer layer_id, durably; its files are uid_base's.

        app: the id of the app whose builds alone may use it. common: store it in the common
        range. Where that layer exists already the upper is dropped and that one returned.
        """
        draft, home = self._building.draft(upper), self._checked(layer_id)
        if common:
            owners.shift(upper, uid_base, self.common_base)
            uid_base = self.common_base
        seen = survey(upper)
        record = Record(Layer(layer_id, uid_base, seen.bytes), app, shape=seen.shape)
        remove_tree(draft / "work")
        (draft / records.NAME).write_text(records.encode(record))
        durable.sync_filesystem(draft)
        failpoint("layer.adopt")
        with self.holds.lock:
            try:
                draft.rename(home)
            except OSError:
                existing = self.find(layer_id)
                if existing is None:
                    raise
            else:
                existing = None
                self._records.put(record)
                self.holds.touch(layer_id, made=True)
        self._building.leave(draft)
        if existing is not None:
            remove_tree(draft)
            return existing
        failpoint("layer.adopted")
        durable.sync_directory(self.root)
        return record.layer

    def receive(self, home: Path) -> None:
        """Take in a whole layer, record and all, from a folder of its name on the same disk.

        Where that layer exists already, the folder is deleted.
        """
        record = records.read(home)
        target = self._checked(record.layer.id)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.holds.lock:
            known = self.record(record.layer.id) is not None
            if not known:
                home.rename(target)
                self._records.put(record)
                self.holds.touch(record.layer.id, made=True)
        if known:
            remove_tree(home)
        durable.sync_directory(self.root)

    def discard(self, upper: Path) -> None:
        """Delete an upper that shall not become a layer. Idempotent."""
        self._building.bury(self._building.draft(upper))

    # -- the same content ----------------------------------------------------------

    def note_digest(self, layer_id: str, digest: str) -> None:
        """Keep what image/digest found of a layer's content; nothing when it is gone."""
        record = self.record(layer_id)
        if record is not None:
            self._rewrite(record, record.with_digest(digest))

    def alike(self, layer_id: str) -> Sequence[Record]:
        """Layers with files of their own that are likely to be equal to this one's."""
        with self.holds.lock:
            record = self.record(layer_id)
            return self._records.alike(record) if record and not record.same_as else []

    def merge(self, copy: str, original: str) -> bool:
        """Have a layer use another one's files from now on; whether they have the same content.

        What is mounted goes on with the copy's own files, which remain for remove_copy.
        """
        with self.holds.lock:
            mine, other = self.record(copy), self.record(original)
            if mine is None or other is None or not self._records.mergeable(mine, other):
                return False
        failpoint("merge.begin")
        return self._rewrite(mine, mine.merged_into(original), needs=other)

    def copies(self) -> Sequence[str]:
        """Layers that have another one's files, and still their own beside them."""
        merged = [record.layer.id for record in self.all() if record.same_as]
        return [layer_id for layer_id in merged if (self._home(layer_id) / "files").is_dir()]

    def remove_copy(self, layer_id: str) -> Path | None:
        """Take the files away that a merged layer has no use for; where they are to be deleted.

        None while something is mounted from them.
        """
        with self.holds.lock:
            record = self.record(layer_id)
            if record is None or not record.same_as or layer_id in self.holds.held():
                return None
            return self._building.grave(self._home(layer_id) / "files")

    def _rewrite(self, old: Record, new: Record, needs: Record | None = None) -> bool:
        """Replace a layer's record in one step, unless it (or the one it needs) has changed."""
        try:
            return self._replace(self._checked(old.layer.id), old, new, needs)
        except FileNotFoundError:  # it goes meanwhile
            return False

    def _replace(self, home: Path, old: Record, new: Record, needs: Record | None) -> bool:
        draft = records.draft(home, new)
        try:
            with self.holds.lock:
                now = self._records.get
                if now(old.layer.id) != old or (needs and now(needs.layer.id) != needs):
                    return False
                used = self.used_at(old.layer.id)
                os.utime(draft, (used, used))
                failpoint("merge.record")
                draft.rename(home / records.NAME)
                self._records.put(new)
        finally:
            draft.unlink(missing_ok=True)
        failpoint("merge.recorded")
        durable.sync_directory(home)
        return True

    # -- removing ------------------------------------------------------------------

    @contextmanager
    def collecting(self) -> Iterator[Collection]:
        """A block in which layers found to be unneeded are removed.

        Look for who needs what inside the block: what is touched after it began stays.
        """
        self.all()  # so that it is known which layers have others' files
        with self.holds.watch() as seen:
            yield Collection(self.holds, seen, self._records.dependents, self.take_away)

    def remove(self, layer_id: str) -> None:
        """Delete a layer nobody mounts: gone at once, never half there. Idempotent."""
        grave = self.take_away(layer_id)
        if grave is not None:
            self.bury(grave)

    def take_away(self, layer_id: str) -> Path | None:
        """Have a layer be gone at once; where its files are to be deleted. None: it was gone."""
        with self.holds.lock:
            self._records.drop(layer_id)
            return self._building.grave(self._checked(layer_id))

    def bury(self, grave: Path, remove: Callable[[Path], None] = remove_tree) -> None:
        """Delete what was taken away; OSError for what cannot be, which is a stray from then on."""
        self._building.bury(grave, remove)

    def sweep(self) -> None:
        """Delete what interrupted builds and removals left, in the background."""
        left = self.strays()
        for path in self._building.strays():  # a stack in the making is mounted there
            mounts.unmount_below(path)
        threading.Thread(target=remove_all, args=(left,), name="layers-sweep", daemon=True).start()

    def strays(self) -> Sequence[Path]:
        """What is in building/ and in nobody's hands, and records that were never put in place."""
        drafts = [path for name in self._names() for path in records.drafts(self.root / name)]
        return [*self._building.strays(), *drafts]

    # -- places --------------------------------------------------------------------

    def _names(self) -> Iterator[str]:
        """Names of directories that are layers: they have a record."""
        names = sorted(os.listdir(self.root)) if self.root.is_dir() else []  # noqa: PTH208 - many
        for name in names:
            known = self._records.get(name) or (self.root / name / records.NAME).is_file()
            if known and name != building.NAME and ID.fullmatch(name):
                yield name

    def _used(self, layer_id: str) -> None:
        """Note that a layer is used, for those who remove what is not."""
        if time.time() - self.used_at(layer_id) > USED_WITHIN_S:
            with suppress(OSError):  # a shared one may be on a read-only filesystem
                os.utime(self._home(layer_id) / records.NAME)

    def _home(self, layer_id: str) -> Path:
        own = self._checked(layer_id)
        if self.shared and not own.is_dir():
            for root in self.shared:
                if (root / layer_id).is_dir():
                    return root / layer_id
        return own

    def _checked(self, layer_id: str) -> Path:
        if not ID.fullmatch(layer_id) or layer_id == building.NAME:
            raise PaasError(f"{layer_id[:80]!r} is not a layer's id")
        return self.root / layer_id
