"""Extras: what a container gets beside its image, its limits and its variables. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

UNLIMITED = (1 << 64) - 1  # RLIM_INFINITY, getrlimit(2)


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A limit of every process in it: name as in RLIMIT_<NAME>, getrlimit(2)."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class MemoryMount:
    """A filesystem in memory at an absolute path; it counts as the container's memory."""

    target: str
    size_bytes: int
    mode: int = 0o1777
    read_only: bool = False
    no_exec: bool = False


@dataclass(frozen=True, slots=True)
class Extras:
    """What docker-options ask for.

    hosts are lines of /etc/hosts, name and address. dns are asked in place of the
    platform's name service. dropped are capabilities that an image's root does without.
    restart and stop_timeout_s: in place of the app's policy; "" and None: that one.
    """

    ulimits: tuple[Ulimit, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    hosts: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    shm_bytes: int | None = None
    memory_mounts: tuple[MemoryMount, ...] = ()
    read_only: bool = False
    host_name: str = ""
    dropped: tuple[str, ...] = ()
    restart: str = ""
    stop_timeout_s: int | None = None


def decode(values: Mapping[str, Any]) -> Extras:
    """From parsed JSON."""
    texts = {key: tuple(values[key]) for key in ("dns", "dns_search", "dns_options", "dropped")}
    return Extras(
        **{
            **values,
            **texts,
            "ulimits": tuple(Ulimit(**one) for one in values["ulimits"]),
            "hosts": tuple((name, address) for name, address in values["hosts"]),
            "memory_mounts": tuple(MemoryMount(**one) for one in values["memory_mounts"]),
        }
    )
