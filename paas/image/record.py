"""A layer's record, layer.json: what it is, whose it is, and where its files are.

Pure but for reading and writing that one file.
"""

import json
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paas.errors import PaasError
from paas.image import durable
from paas.model.release import Layer

NAME = "layer.json"
DRAFT = re.compile(r"\.layer\.json\.[0-9a-f]{8}")
DRAFT_S = 60.0


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a layer beside its id.

    app: the id of the app whose builds alone use it; 0: any app's may.
    digest: of its content, "" until it was looked at (image/digest).
    shape: of its names and sizes, the same for layers that are likely to be equal.
    same_as: the layer that holds the same content, whose files are used; "": its own are.
    """

    layer: Layer
    app: int = 0
    digest: str = ""
    same_as: str = ""
    shape: str = ""

    @property
    def files_in(self) -> str:
        """The id of the layer whose files these are."""
        return self.same_as or self.layer.id

    def with_digest(self, digest: str) -> "Record":
        return replace(self, digest=digest)

    def merged_into(self, other: str) -> "Record":
        return replace(self, same_as=other)


def encode(record: Record) -> str:
    """As layer.json has it; what is empty is left out."""
    values: dict[str, Any] = {"uid_base": record.layer.uid_base, "bytes": record.layer.bytes}
    more = {name: getattr(record, name) for name in ("app", "digest", "same_as", "shape")}
    return json.dumps({**values, **{key: value for key, value in more.items() if value}})


def read(home: Path) -> Record:
    """The record in a layer's directory; PaasError when it is damaged."""
    try:
        values = json.loads((home / NAME).read_text())
        return Record(
            Layer(home.name, int(values["uid_base"]), int(values["bytes"])),
            int(values.get("app", 0)),
            str(values.get("digest", "")),
            str(values.get("same_as", "")),
            str(values.get("shape", "")),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PaasError(
            f"layer {home.name} is damaged: {error}", f"remove {home} and deploy again"
        ) from error


def draft(home: Path, record: Record) -> Path:
    """The record written durably under another name, to be renamed over the one in use."""
    path = durable.temporary_name(home / NAME)
    durable.write_new(path, encode(record))
    return path


def drafts(home: Path) -> list[Path]:
    """Drafts in a layer's directory that nobody can still be about to put in place."""
    before = time.time() - DRAFT_S
    with suppress(FileNotFoundError):  # the layer goes meanwhile, or a draft takes its place
        found = (path for path in home.iterdir() if DRAFT.fullmatch(path.name))
        return [path for path in found if path.lstat().st_mtime < before]
    return []


class Records:
    """Records by id, with how many layers have the files of each, and which look alike."""

    def __init__(self) -> None:
        self._by_id: dict[str, Record] = {}
        self._dependents: Counter[str] = Counter()
        self._by_shape: dict[str, set[str]] = {}

    def get(self, layer_id: str) -> Record | None:
        return self._by_id.get(layer_id)

    def put(self, record: Record) -> Record:
        """Know a record, in place of what was known before."""
        self.drop(record.layer.id)
        self._by_id[record.layer.id] = record
        self._dependents[record.same_as] += 1
        self._by_shape.setdefault(record.shape, set()).add(record.layer.id)
        return record

    def drop(self, layer_id: str) -> None:
        """Forget a record. Idempotent."""
        known = self._by_id.pop(layer_id, None)
        if known is not None:
            self._dependents[known.same_as] -= 1
            self._by_shape[known.shape].discard(layer_id)

    def dependents(self, layer_id: str) -> int:
        """How many layers have this one's files."""
        return self._dependents[layer_id]

    def alike(self, record: Record) -> list[Record]:
        """Other layers with files of their own that have the same names, modes and sizes."""
        ids = sorted(self._by_shape.get(record.shape, ())) if record.shape else []
        found = [self._by_id[one] for one in ids if one != record.layer.id]
        return [one for one in found if not one.same_as]

    def mergeable(self, copy: Record, original: Record) -> bool:
        """Whether the first may get the second's files: both have their own, of one content."""
        alone = not copy.same_as and not original.same_as and copy != original
        same = bool(copy.digest) and copy.digest == original.digest
        return alone and same and not self.dependents(copy.layer.id)
