"""Values of Docker's options of containers: text in, what it means out. Pure.

Each reader raises UsageError with what is wrong and how it is written.
"""

import re
import signal
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from paas.errors import UsageError
from paas.model import limits
from paas.model.container import Power
from paas.model.extras import UNLIMITED, MemoryMount, Ulimit
from paas.model.names import ENV_KEY, LABEL

PLATFORMS_OWN = ("PORT", "DYNO", "GIT_REV", "PAAS_APP", "PAAS_RELEASE")
NUMBERS = 65_536
DEFAULT_TMPFS_BYTES = 64 << 20
NAMES_OF_ULIMITS = (
    *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
    *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
)
# what belongs to the kernel or to the platform is not covered up
TAKEN = ("/proc", "/sys", "/dev", "/.paas", "/layers", "/etc/hosts", "/etc/resolv.conf")


def size(least: int) -> Callable[[str], int]:
    """Bytes, where a bare number is bytes, as Docker has it."""

    def read(text: str) -> int:
        try:
            return limits.size(text, "b", least)
        except ValueError as error:
            raise UsageError(f"{text[:80]!r} {error}") from error

    return read


def of_limit(key: str) -> Callable[[str], Any]:
    return lambda text: limits.parse(key, text)


def number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"\d{1,9}", text, re.ASCII) and least <= int(text) <= most:
            return int(text)
        raise UsageError(f"{text[:80]!r} is not a number from {least} to {most}")

    return read


def pids(text: str) -> int | None:
    """Docker's -1 is no limit."""
    return None if text == "-1" else int(limits.parse("pids", text) or 0)


def yes_or_no(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    raise UsageError(f"{text[:80]!r} is neither true nor false")


def ulimit(text: str) -> Ulimit:
    """`nofile=1024` or `nofile=1024:2048`; -1 is unlimited."""
    found = re.fullmatch(r"([a-z]+)=(-1|\d{1,19})(?::(-1|\d{1,19}))?", text, re.ASCII)
    if found is None or found[1] not in NAMES_OF_ULIMITS:
        raise UsageError(
            f"{text[:80]!r} is not a ulimit",
            f"write nofile=1024:2048; known: {', '.join(NAMES_OF_ULIMITS)}",
        )
    soft = UNLIMITED if found[2] == "-1" else int(found[2])
    hard = soft if found[3] is None else UNLIMITED if found[3] == "-1" else int(found[3])
    if soft > hard:
        raise UsageError(f"{text[:80]!r}: the soft limit is above the hard one")
    return Ulimit(found[1], soft, hard)


def pair(text: str) -> tuple[str, str]:
    """A label, key=value."""
    key, equals, value = text.partition("=")
    if key and equals and text.isprintable():
        return key, value
    raise UsageError(f"{text[:80]!r} is not a label: write it as key=value")


def variable(text: str) -> tuple[str, str | None]:
    """KEY=value; KEY alone is the app's own variable, which it has anyway."""
    key, equals, value = text.partition("=")
    if not ENV_KEY.fullmatch(key):
        raise UsageError(f"{key[:80]!r} is not a name for a variable")
    if key in PLATFORMS_OWN:
        raise UsageError(f"{key} is what the platform says, and cannot be set")
    if not text.isprintable():
        raise UsageError(f"the value of {key} is not one line of printable text")
    return key, value if equals else None


def host(text: str) -> tuple[str, str]:
    """`name:address` or `name=address`."""
    found = re.fullmatch(r"([A-Za-z0-9.-]{1,253})[:=]\[?([0-9a-fA-F.:]+)\]?", text)
    if found is None or not all(LABEL.fullmatch(part.lower()) for part in found[1].split(".")):
        raise UsageError(f"{text[:80]!r} is not a host: write it as name:address")
    return found[1], address(found[2])


def address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise UsageError(f"{text[:80]!r} is not an IP address") from None


def domain(text: str) -> str:
    if len(text) <= 253 and all(LABEL.fullmatch(part) for part in text.lower().split(".")):
        return text
    raise UsageError(f"{text[:80]!r} is not a domain")


def resolver_option(text: str) -> str:
    """One of resolv.conf(5)'s options."""
    if re.fullmatch(r"[a-z0-9-]{1,40}(:\d{1,3})?", text):
        return text
    raise UsageError(f"{text[:80]!r} is not an option of resolv.conf, such as ndots:1")


def path(text: str) -> str:
    """An absolute path that leads nowhere strange."""
    parts = text.split("/")
    sane = text.isprintable() and len(text) <= 1024 and not {".", "..", ""} & set(parts[1:])
    if text.startswith("/") and (text == "/" or sane):
        return text
    raise UsageError(f"{text[:80]!r} is not an absolute path, such as /app/cache")


def memory_mount(text: str) -> MemoryMount:
    """`/path` or `/path:size=64m,mode=1770,ro,noexec`."""
    target, _, rest = text.partition(":")
    if path(target) == "/" or any(target == one or target.startswith(f"{one}/") for one in TAKEN):
        raise UsageError(f"{target[:80]} cannot be covered by a tmpfs")
    found = MemoryMount(target, DEFAULT_TMPFS_BYTES)
    for word in filter(None, rest.split(",")):
        found = replace(found, **mount_option(word))
    return found


def mount_option(word: str) -> dict[str, Any]:
    key, _, value = word.partition("=")
    if key == "size":
        return {"size_bytes": size(4096)(value)}
    if key == "mode" and re.fullmatch(r"[0-7]{3,4}", value):
        return {"mode": int(value, 8)}
    known = {"ro": {"read_only": True}, "rw": {"read_only": False}, "noexec": {"no_exec": True}}
    known |= {"exec": {"no_exec": False}, "nosuid": {}, "nodev": {}}
    if word in known:
        return dict(known[word])
    raise UsageError(f"{word[:80]!r} is not an option of a tmpfs", "size, mode, ro, rw, noexec")


def capability(text: str) -> str:
    name = f"CAP_{text.upper().removeprefix('CAP_')}"
    if re.fullmatch(r"CAP_[A-Z_]{2,30}", name):
        return name
    raise UsageError(f"{text[:80]!r} is not a capability, such as NET_BIND_SERVICE or ALL")


def user(text: str) -> dict[str, Any]:
    """`1000` or `1000:1000`: names are known to the image alone."""
    found = re.fullmatch(r"(\d{1,5})(?::(\d{1,5}))?", text, re.ASCII)
    ids = [int(one) for one in (found[1], found[2] or found[1])] if found else []
    if not ids or max(ids) >= NUMBERS:
        raise UsageError(f"{text[:80]!r} is not a user: give numbers, such as 1000:1000")
    return {"uid": ids[0], "gid": ids[1], "power": Power.NONE if ids[0] else Power.ROOT}


def stop_signal(text: str) -> int:
    try:
        return int(signal.Signals[f"SIG{text.upper().removeprefix('SIG')}"])
    except KeyError:
        pass
    return number(1, 64)(text)


def host_name(text: str) -> str:
    if LABEL.fullmatch(text):
        return text
    raise UsageError(f"{text[:80]!r} is not a host's name")


def nothing_new(text: str) -> str:
    """The one security option that every container has anyway."""
    if text in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"):
        return text
    raise UsageError(
        f"{text[:80]!r} cannot be chosen: every container has the same system call filter",
        "no-new-privileges is taken, and always holds",
    )
