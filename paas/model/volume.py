"""Volumes: what outlives containers, and where apps have it mounted. Pure rules and values."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from paas.errors import PaasError, UsageError
from paas.model import limits
from paas.model.container import APP_UID
from paas.model.names import process_type

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,43}[a-z0-9])?")
LEGACY = "legacy-"  # names that are made of host paths, as dokku has it
MODE = re.compile(r"0?[0-7]{3}")
LABEL_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?")
LABELS = 64
SMALLEST_BYTES = 8 << 20

EVERY_TYPE = "_default_"  # how dokku writes that a mount is for every process type
DEPLOY, RUN = PHASES = ("deploy", "run")

# whom the first folder of a volume belongs to, inside: dokku's words for it. Apps that
# buildpacks made run as one user here, whichever of the words is used.
OWNERS = {"herokuish": APP_UID, "heroku": APP_UID, "paketo": 2000, "packeto": 2000, "root": 0}
NOT_OWNED = "false"

# what the platform itself mounts; an app's volume may not hide it
RESERVED = ("/.paas", "/dev", "/layers", "/proc", "/sys")
RESERVED_ALONE = ("/", "/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/usr/bin")
RESERVED_FILES = ("/etc/hosts", "/etc/resolv.conf", "/etc/ssl/certs")
OPTIONS = ("ro", "rw", "noexec", "nosuid", "nodev", "z", "Z", "nocopy")


@dataclass(frozen=True, slots=True)
class Volume:
    """One entry. host_path "": a folder of the platform's own; size_bytes None: as the disk has.

    owner is a word or a number as it was given, "" for the app's user; mode is four octal
    digits, or "".
    """

    name: str
    host_path: str = ""
    size_bytes: int | None = None
    owner: str = ""
    mode: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def uid(self) -> int | None:
        """Who owns its first folder, inside; None: it is left as it is."""
        return owner_id(self.owner) if self.owner else APP_UID


@dataclass(frozen=True, slots=True)
class Attachment:
    """A volume at a path of an app's containers. process_type "": of every type."""

    volume: str
    path: str
    phases: tuple[str, ...] = PHASES
    process_type: str = ""
    subpath: str = ""
    read_only: bool = False
    options: str = ""
    owner: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it another one than others of the app."""
        return self.volume, self.path, self.process_type

    def serves(self, phase: str, kind: str) -> bool:
        """Whether a container of this phase and process type gets it."""
        return phase in self.phases and self.process_type in ("", kind)

    @property
    def no_programs(self) -> bool:
        """Whether nothing in it may be executed."""
        return "noexec" in self.options.split(",")


def volume_name(text: str, *, made: bool = False) -> str:
    """The name of a volume, or UsageError. made: by us, so that it may be a legacy one."""
    if NAME.fullmatch(text) and (made or not text.startswith(LEGACY)):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a name for a volume",
        "use at most 45 lower-case letters, digits and dashes, not beginning with legacy-",
    )


def owner_word(text: str) -> str:
    """`heroku`, `root`, a uid, or `false` to leave owners as they are; UsageError."""
    if text in OWNERS or text == NOT_OWNED:
        return text
    if re.fullmatch(r"\d{1,5}", text, re.ASCII) and int(text) <= 65535:
        return str(int(text))
    raise UsageError(
        f"Unsupported chown permissions: {text[:80]!r}",
        f"one of {', '.join(OWNERS)}, {NOT_OWNED}, or a uid from 0 to 65535",
    )


def owner_id(word: str) -> int | None:
    """The uid that a word for an owner means."""
    if word == NOT_OWNED:
        return None
    return OWNERS[word] if word in OWNERS else int(word)


def folder_mode(text: str) -> str:
    """`755` or `0755` as four digits, or UsageError."""
    if MODE.fullmatch(text):
        return text.zfill(4)
    raise UsageError(f"Unsupported directory mode {text[:80]!r}", "write it as in 0750")


def size(text: str) -> int:
    """Bytes of `2g`, or UsageError."""
    try:
        return limits.size(text, "m", SMALLEST_BYTES)
    except ValueError as error:
        raise UsageError(f"--size {text[:80]!r} {error}") from error


def container_path(text: str) -> str:
    """Where a volume may be mounted inside, without a slash at the end; UsageError."""
    path = text.rstrip("/") or "/"
    parts = path.split("/")[1:]
    if not text.startswith("/") or not text.isprintable() or len(text) > 1024:
        raise UsageError(f"{text[:80]!r} is not a path in a container: begin it with /")
    if set(parts) & {"", ".", ".."} and path != "/":
        raise UsageError(f"{text[:80]!r} is not a plain path: leave out . and .. and empty parts")
    hidden = path in RESERVED_ALONE or any(is_within(path, one) for one in RESERVED)
    if hidden or any(is_within(path, one) for one in RESERVED_FILES):
        raise UsageError(f"{path[:80]} is the system's own", "mount it elsewhere, such as /data")
    return path


def is_within(path: str, above: str) -> bool:
    """Whether a path is another one, or below it."""
    return path == above or path.startswith(f"{above}/")


def subpath(text: str) -> str:
    """A folder within a volume, or UsageError."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.isprintable() and len(text) <= 1024 and ".." not in parts:
        return "/".join(parts)
    raise UsageError(f"{text[:80]!r} is not a folder within a volume", "such as uploads/images")


def host_path(text: str) -> str:
    """An absolute path of the server without detours, or UsageError."""
    if text.startswith("/") and text.isprintable() and len(text) <= 1024:
        parts = [part for part in text.split("/") if part not in ("", ".")]
        if parts and ".." not in parts:
            return "/" + "/".join(parts)
    raise UsageError(f"{text[:80]!r} is not a folder of this server", "give it from / on")


def mount_options(text: str) -> str:
    """`ro,noexec`, checked; those that are always so, or mean nothing here, are taken too."""
    for one in filter(None, text.split(",")):
        if one not in OPTIONS:
            raise UsageError(
                f"{one[:80]!r} is not an option of a mount here", f"known: {', '.join(OPTIONS)}"
            )
    return text


def phases(words: Iterable[str]) -> tuple[str, ...]:
    """Phases in their order; both when none is given."""
    wanted = set(words) or set(PHASES)
    for one in wanted - set(PHASES):
        raise UsageError(f"{one[:80]!r} is not a phase of mounts", f"phases: {', '.join(PHASES)}")
    return tuple(one for one in PHASES if one in wanted)


def label_key(text: str) -> str:
    """The key of a label or annotation, or UsageError."""
    if LABEL_KEY.fullmatch(text):
        return text
    raise UsageError(f"{text[:80]!r} is not a key of a label", "such as team or app/part-of")


def labels(pairs: Mapping[str, str]) -> dict[str, str]:
    """Labels or annotations that may be kept, or UsageError."""
    for key, value in pairs.items():
        label_key(key)
        if not value.isprintable() or len(value) > 1024:
            raise UsageError(f"the value of {key} is not one short line of printable text")
    if len(pairs) > LABELS:
        raise UsageError(f"a volume has {LABELS} labels at most")
    return dict(pairs)


def checked(one: Attachment) -> Attachment:
    """The same with every part of it checked; UsageError for the first that cannot be."""
    return Attachment(
        volume_name(one.volume, made=True),
        container_path(one.path),
        phases(one.phases),
        process_type(one.process_type) if one.process_type else "",
        subpath(one.subpath),
        read_only=bool(one.read_only),
        options=mount_options(one.options),
        owner=owner_word(one.owner) if one.owner else "",
    )


def refuse_overlaps(found: Iterable[Attachment]) -> None:
    """PaasError where one container would have two mounts in one place, or one in another.

    A folder within a volume could be made a link by whoever writes to the volume.
    """
    known: list[Attachment] = []
    for one in found:
        for other in known:
            together = set(one.phases) & set(other.phases)
            same = "" in (one.process_type, other.process_type)
            if not together or not (same or one.process_type == other.process_type):
                continue
            if is_within(one.path, other.path) or is_within(other.path, one.path):
                raise PaasError(
                    f"{one.path} and {other.path} lie within each other",
                    f"unmount {other.volume} first, or mount {one.volume} elsewhere",
                )
        known.append(one)
