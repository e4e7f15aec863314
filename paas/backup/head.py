"""What an archive says of itself: the head, its first member, and the manifest, its last. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self, TypeVar, cast

from paas.backup.members import damaged
from paas.errors import PaasError

FORMAT = 1
STAGED = "paas.db"  # an archive's database, once it is a file again
HEAD, SUMS, MANIFEST = "paas-backup.json", "SHA256SUMS", "manifest.json"
PLATFORM, APP = "platform", "app"
HEAD_BYTES = 64 << 20

Described = TypeVar("Described")


@dataclass(frozen=True, slots=True)
class AppEntry:
    """One app of a backup. release is v0 where it has none; whole: its image is in the backup."""

    name: str
    id: int
    slot: int
    release: int = 0
    commit: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """A layer of a backup, as its record has it (image.record). same_as: whose files it has."""

    id: str
    uid_base: int
    bytes: int
    app: int = 0
    digest: str = ""
    same_as: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What is known before the rest is read. settings: those that matter to a restore."""

    kind: str
    paas: str
    schema: str
    created_at: str
    host: str
    settings: Mapping[str, Any]
    sections: tuple[str, ...]
    apps: tuple[AppEntry, ...]
    layers: tuple[LayerEntry, ...] = ()
    format: int = FORMAT

    def encode(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The head of an archive; PaasError for one of a newer format, or for nonsense."""
        values = load(data, HEAD)
        if isinstance(values.get("format"), int) and values["format"] > FORMAT:
            raise PaasError(
                f"this backup has format {values['format']}; this paas reads up to {FORMAT}",
                f"it was made by paas {str(values.get('paas'))[:40]}: install that version",
            )
        apps = tuple(typed(AppEntry, one) for one in listed(values, "apps"))
        layers = tuple(typed(LayerEntry, one) for one in listed(values, "layers"))
        sections = tuple(str(one) for one in listed(values, "sections"))
        changed = {"apps": apps, "layers": layers, "sections": sections}
        return typed(cls, {**values, **changed})

    def app(self, name: str) -> AppEntry:
        """The entry of an app; PaasError when it is not in the backup."""
        for one in self.apps:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.apps[:20]) or "none"
        raise PaasError(f"app {name} is not in this backup", f"it has: {known}")


@dataclass(frozen=True, slots=True)
class Count:
    """How much of a section there is; bytes of content, without holes."""

    members: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known once all is written. stream, sums: SHA-256 of what comes before, and of SUMS.

    layers: those that are whole. left_out: what was not taken, with the reason. unsteady: files
    that changed whenever they were copied.
    """

    stream: str
    sums: str
    sections: Mapping[str, Count]
    layers: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    format: int = FORMAT

    def encode(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        values = load(data, MANIFEST)
        sections = values.get("sections")
        if not isinstance(sections, dict):
            raise damaged(f"{MANIFEST} makes no sense")
        names = ("layers", "left_out", "unsteady")
        lists = {key: tuple(str(one) for one in listed(values, key)) for key in names}
        counts = {str(key): typed(Count, one) for key, one in sections.items()}
        return typed(cls, {**values, **lists, "sections": counts})


@dataclass(frozen=True, slots=True)
class Checked:
    """An archive that was read to its end and is whole."""

    head: Head
    manifest: Manifest


def load(data: bytes, name: str) -> dict[str, Any]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise damaged(f"{name} makes no sense")
    return values


def listed(values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key, [])
    return found if isinstance(found, list) else []


def typed(kind: type[Described], values: Any) -> Described:
    """A dataclass of the values, each of the type of its field; PaasError when one is not."""
    known = {entry.name: entry for entry in fields(cast("Any", kind))}
    simple = {"str": str, "int": int, "bool": bool}
    if not isinstance(values, dict):
        raise damaged("it describes itself in a form we do not know")
    given = {key: value for key, value in values.items() if key in known}
    for key, value in given.items():
        expected = simple.get(str(getattr(known[key].type, "__name__", known[key].type)))
        if expected is not None and type(value) is not expected:
            raise damaged(f"{key} is not a {expected.__name__}")
    try:
        return kind(**given)
    except TypeError as error:
        raise damaged("it does not describe itself wholly") from error
