"""Mounts in Docker's words: `-v SOURCE:PATH[:OPTIONS]` and `--mount type=volume,...`. Pure.

They come to the mounts that storage:mount makes, by the same rules; a tmpfs to `--tmpfs`.
"""

import hashlib
import shlex
from dataclasses import dataclass

from paas.errors import UsageError
from paas.model import volume as rules
from paas.model.volume import Attachment

VOLUME, MOUNT = OPTIONS = ("--volume", "--mount")
KINDS = ("bind", "volume", "tmpfs")
# keys of --mount, and what each is here
KEYS = {
    "type": "type", "source": "source", "src": "source", "target": "target", "dst": "target",
    "destination": "target", "readonly": "ro", "ro": "ro", "volume-subpath": "subpath",
    "volume-nocopy": "nocopy", "tmpfs-size": "size", "tmpfs-mode": "mode",
}  # fmt: skip
FLAGS = ("ro", "nocopy")


@dataclass(frozen=True, slots=True)
class Wish:
    """A volume by its name, or a folder of the server, and where containers shall have it."""

    source: str
    path: str
    options: str = ""
    subpath: str = ""

    @property
    def name(self) -> str:
        """The volume it is about: a folder's gets a name that is the same each time."""
        if not self.is_folder:
            return rules.volume_name(self.source, made=True)
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        return f"{rules.LEGACY}{digest[:10]}"

    @property
    def is_folder(self) -> bool:
        return self.source.startswith("/")

    def attachment(self, phases: tuple[str, ...] = rules.PHASES, process: str = "") -> Attachment:
        """The mount of an app that it comes to."""
        read_only = "ro" in self.options.split(",")
        return Attachment(
            self.name, self.path, phases, process, self.subpath,
            read_only=read_only, options=self.options,
        )  # fmt: skip


def short(text: str) -> Wish:
    """`/host/path:/container/path:ro`, or `volume:/container/path`; UsageError."""
    source, *rest = text.split(":")
    if len(rest) not in (1, 2):
        raise UsageError(
            f"{text[:80]!r} is not of the form /host/path:/container/path[:options]",
            "a volume has a name: NAME:/container/path",
        )
    options = rules.mount_options(rest[1]) if len(rest) == 2 else ""
    return Wish(place(source), rules.container_path(rest[0]), options)


def place(source: str) -> str:
    """A folder of the server, or the name of a volume, checked."""
    if source.startswith("/"):
        return rules.host_path(source)
    return rules.volume_name(source, made=True)


def long(text: str) -> Wish | str:
    """`type=volume,source=data,target=/data[,readonly]`; for a tmpfs, the value of --tmpfs."""
    found = fields(text)
    kind = found.pop("type", "volume")
    if kind not in KINDS:
        raise UsageError(f"{kind[:80]!r} is not a type of mount", f"types: {', '.join(KINDS)}")
    if "target" not in found:
        raise UsageError("--mount needs a target", "such as target=/data")
    return tmpfs(found) if kind == "tmpfs" else volume(kind, found)


def fields(text: str) -> dict[str, str]:
    """Each key and its value; a flag that is false is left out."""
    found: dict[str, str] = {}
    for word in text.split(","):
        key, equals, value = word.partition("=")
        name = KEYS.get(key)
        if name is None or name in found:
            raise UsageError(
                f"{key[:80]!r} is not a key of --mount here, or stands there twice",
                f"known: {', '.join(KEYS)}",
            )
        if name in FLAGS:
            value = value if equals else "true"
            if value not in ("true", "false", "1", "0"):
                raise UsageError(f"{key} is true or false, not {value[:80]!r}")
        elif not value:
            raise UsageError(f"{key} of --mount needs a value")
        found[name] = value
    return {name: value for name, value in found.items() if value not in ("false", "0")}


def volume(kind: str, found: dict[str, str]) -> Wish:
    for key in ("size", "mode"):
        if key in found:
            raise UsageError(f"tmpfs-{key} is of a mount of type tmpfs, not {kind}")
    source = found.get("source", "")
    if (kind == "bind") != source.startswith("/"):
        wanted = "a folder of this server, from / on" if kind == "bind" else "the name of a volume"
        raise UsageError(f"the source of a mount of type {kind} is {wanted}, not {source[:80]!r}")
    if kind == "bind" and "subpath" in found:
        raise UsageError("volume-subpath is of a mount of type volume", "name the folder itself")
    options = ",".join(one for one in FLAGS if one in found)
    beneath = rules.subpath(found.get("subpath", ""))
    return Wish(place(source), rules.container_path(found["target"]), options, beneath)


def tmpfs(found: dict[str, str]) -> str:
    for key in ("source", "subpath", "nocopy"):
        if key in found:
            raise UsageError(f"a mount of type tmpfs has no {key}")
    options = [f"{key}={found[key]}" for key in ("size", "mode") if key in found]
    options += ["ro"] if "ro" in found else []
    return ":".join(filter(None, (found["target"], ",".join(options))))


def words(one: Attachment, source: str) -> str:
    """A mount as the option that makes it; source: the volume's name, or the server's folder."""
    options = [word for word in one.options.split(",") if word]
    if one.read_only and "ro" not in options:
        options.insert(0, "ro")
    if one.subpath:
        parts = ["type=volume", f"source={source}", f"target={one.path}"]
        parts += [f"volume-subpath={one.subpath}", *(["readonly"] if one.read_only else [])]
        return shlex.join((MOUNT, ",".join(parts)))
    return shlex.join((VOLUME, ":".join(filter(None, (source, one.path, ",".join(options))))))
