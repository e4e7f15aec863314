"""Usage: what containers take, as rates between two looks at them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from paas.console import Console
from paas.model.app import App
from paas.model.container import Container, Usage
from paas.platform import Platform

FIRST_LOOK_S = 0.5  # a rate needs two looks; the first is not kept waiting for


@dataclass(frozen=True, slots=True)
class Look:
    """What a container had used at a moment (of the monotonic clock)."""

    container: Container
    used: Usage
    at_s: float


@dataclass(frozen=True, slots=True)
class Rates:
    """What a container takes: cpu in percent of one processor, the rest in bytes a second."""

    container: Container
    used: Usage
    frozen: bool
    cpu_percent: float
    read_bps: float
    written_bps: float
    received_bps: float
    sent_bps: float

    @property
    def memory_percent(self) -> float | None:
        """Of its limit; None where it has none."""
        limit = self.container.spec.limits.memory_bytes
        return 100 * self.used.memory_bytes / limit if limit else None


Looks = dict[str, Look]


def look(platform: Platform, app: App | None) -> Looks:
    """At every running container, or an app's."""
    return {
        one.id: Look(one, platform.engine.usage(one.id), time.monotonic())
        for one in platform.engine.list()
        if one.running and (app is None or one.spec.slot == app.slot)
    }


def rates(platform: Platform, before: Looks, now: Looks) -> list[Rates]:
    """Of those there were at both looks, who takes most processor first."""
    found = [
        between(before[key], new, frozen=platform.engine.is_frozen(key))
        for key, new in now.items()
        if key in before
    ]
    return sorted(found, key=lambda one: (-one.cpu_percent, -one.used.memory_bytes))


def between(old: Look, new: Look, *, frozen: bool) -> Rates:
    passed_s = max(new.at_s - old.at_s, 0.001)

    def a_second(key: str) -> float:
        return float(max(0, getattr(new.used, key) - getattr(old.used, key)) / passed_s)

    return Rates(
        new.container,
        new.used,
        frozen,
        100 * a_second("cpu_seconds"),
        a_second("read_bytes"),
        a_second("written_bytes"),
        a_second("received_bytes"),
        a_second("sent_bytes"),
    )


def watch(
    platform: Platform, app: App | None, console: Console, every_s: float
) -> Iterator[list[Rates]]:
    """Rates, soon and then again and again until the caller leaves."""
    before = look(platform, app)
    wait_s = min(FIRST_LOOK_S, every_s)
    while not console.cancelled.wait(wait_s):
        now = look(platform, app)
        yield rates(platform, before, now)
        before, wait_s = now, every_s
