"""Resource limits and reservations as people write them, and what they come to.

Pure. Sizes take b, k, m, g, t (powers of 1024) and rates the same a second; a bare
number of `memory` is in MiB, as dokku has it. `unlimited` lifts a default.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from paas.errors import UsageError
from paas.model.container import Limits

UNLIMITED = "unlimited"
SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
SMALLEST_MEMORY_BYTES = 4 << 20
SMALLEST_RATE_BPS = 1 << 10
SMALLEST_DISK_BYTES = 1 << 20
SMALLEST_LOG_BYTES = 64 << 10
LARGEST = 1 << 50
MOST_CPU_SHARES = 262_144  # cgroups' own bound


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit: the field of Limits it sets, how it is read, and what it means in a sentence."""

    field: str
    read: Callable[[str], float]
    words: str
    can_be_lifted: bool = True


def size(text: str, default_unit: str, least: int) -> int:
    """Bytes of `64m`, or ValueError saying what is wrong."""
    match = SIZE.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError("is not a size such as 512m or 2g")
    amount = int(float(match[1]) * UNITS[(match[2] or default_unit).lower()])
    if not least <= amount <= LARGEST:
        raise ValueError(f"must be from {show_bytes(least)} to {show_bytes(LARGEST)}")
    return amount


def memory(text: str) -> int:
    return size(text, "m", SMALLEST_MEMORY_BYTES)


def rate(text: str) -> int:
    return size(text, "b", SMALLEST_RATE_BPS)


def disk(text: str) -> int:
    return size(text, "m", SMALLEST_DISK_BYTES)


def cpus(text: str) -> float:
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?|\.\d{1,3}", text, re.ASCII):
        raise ValueError("is not a number of processor cores such as 0.5 or 2")
    if not 0.01 <= float(text) <= 1024:
        raise ValueError("must be from 0.01 to 1024")
    return float(text)


def pids(text: str) -> int:
    if not re.fullmatch(r"\d{1,7}", text, re.ASCII):
        raise ValueError("is not a whole number")
    if not 4 <= int(text) <= 32768:
        raise ValueError("must be from 4 to 32768")
    return int(text)


def log_bytes(text: str) -> int:
    """How large one file of a log may become; UsageError when it is no size."""
    try:
        return LARGEST if text == UNLIMITED else size(text, "b", SMALLEST_LOG_BYTES)
    except ValueError as error:
        raise UsageError(f"{text[:80]!r} {error}", "give 20m, 1g or unlimited") from error


LIMITS = {
    "memory": Rule("memory_bytes", memory, "memory, such as 512m or 2g"),
    "memory-swap": Rule(
        "memory_swap_bytes", memory, "memory and swap together; as much as memory: no swap", False
    ),
    "cpu": Rule("cpus", cpus, "processor cores, such as 0.5"),
    "pids": Rule("pids", pids, "processes and threads at once"),
    "disk": Rule("scratch_bytes", disk, "what it may write to its own files, such as 1g", False),
    "network-ingress": Rule("network_ingress_bps", rate, "bytes a second in, such as 10m"),
    "network-egress": Rule("network_egress_bps", rate, "bytes a second out, such as 10m"),
    "disk-read": Rule("disk_read_bps", rate, "bytes a second read from disk"),
    "disk-write": Rule("disk_write_bps", rate, "bytes a second written to disk"),
}
# what is kept free for it when others want more than there is
RESERVATIONS = {
    "memory": Rule("memory_reserved_bytes", memory, "memory, such as 128m", False),
    "cpu": Rule("cpus_reserved", cpus, "processor cores, by its weight, such as 2", False),
}
RESERVED = "reserve-"
RULES = {**LIMITS, **{f"{RESERVED}{key}": rule for key, rule in RESERVATIONS.items()}}


def parse(key: str, text: str) -> float | None:
    """The value in the field's unit, None for unlimited; UsageError naming what is wrong."""
    rule = RULES.get(key)
    if rule is None:
        raise UsageError(f"there is no limit {key[:80]!r}", f"known limits: {', '.join(LIMITS)}")
    if text == UNLIMITED and rule.can_be_lifted:
        return None
    try:
        return rule.read(text)
    except ValueError as error:
        flag = key.removeprefix(RESERVED)
        raise UsageError(f"--{flag} {text[:80]!r} {error}") from error


def check(key: str, text: str) -> None:
    """Raise UsageError unless the text is a value for this limit."""
    parse(key, text)


def apply(values: Mapping[str, str], defaults: Limits) -> Limits:
    """The defaults with what was set in their place.

    Nobody reserves more than it may have; who reserves several cores weighs as much more.
    """
    changes = {RULES[key].field: parse(key, text) for key, text in values.items()}
    found = replace(defaults, **changes)  # type: ignore[arg-type]
    reserved, most = found.memory_reserved_bytes, found.memory_bytes
    shares = int(found.cpu_shares * max(1.0, found.cpus_reserved or 0))
    return replace(
        found,
        memory_reserved_bytes=min(reserved, most) if reserved and most else reserved,
        cpu_shares=min(shares, MOST_CPU_SHARES),
    )


def show_bytes(amount: float) -> str:
    """`64 MiB`; no more than one digit after the point."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.1f}".removesuffix(".0") + f" {unit}"
        amount /= 1024
    return f"{amount:.1f}".removesuffix(".0") + " TiB"
