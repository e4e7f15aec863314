"""What a change of one app's front costs the proxy, beside few and many other apps."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from paas.command import Runner
from paas.model.route import Peer, Route, RouteState
from paas.proxy.proxy import Proxy
from tests.bench.measuring import Outcome, median, milliseconds, repeated, timed
from tests.conftest import own_settings

APPS = (1, 100, 1000)
FLAT_S = 0.02  # what a thousand apps may add to a domain's change
RELOAD_S = 1.0


@contextmanager
def apps(count: int) -> Iterator[Proxy]:
    """A proxy that knows so many apps, none with settings of its own."""
    settings = own_settings()
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    proxy = Proxy(settings, Runner())
    proxy.start()
    try:
        proxy.publish_all(route(number) for number in range(count))
        yield proxy
    finally:
        proxy.stop()
        shutil.rmtree(settings.state_dir.parent, ignore_errors=True)


def route(number: int, *more: str, size: str = "") -> Route:
    peer = Peer(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 5000)
    own = (("client-max-body-size", size),) if size else ()
    names = (f"app-{number}.test", *more)
    return Route(f"app-{number}", names, (peer,), RouteState.SERVING, settings=own)


def domains(runs: int) -> Outcome:
    """A domain more or less of one app: durable, and known to every worker."""
    samples = {}
    for count in APPS:
        with apps(count) as proxy:
            samples[str(count)] = repeated(
                10 * runs,
                lambda turn, proxy=proxy: timed(
                    lambda: proxy.publish(route(0, *(["more.test"] if turn % 2 == 0 else [])))
                ),
            )
    few, many = (median(samples[str(count)]) for count in (APPS[0], APPS[-1]))
    return Outcome(
        f"a domain's change at {said()} apps", "flat: <= 20 ms more", shown(samples),
        f"{many / few:.1f}", many - few <= FLAT_S, samples,
    )  # fmt: skip


def settings(runs: int) -> Outcome:
    """An own setting of one app: rendered, checked, reloaded, and taken up by new workers."""
    samples = {}
    for count in APPS:
        with apps(count) as proxy:
            samples[str(count)] = repeated(
                2 * runs,
                lambda turn, proxy=proxy: timed(
                    lambda: proxy.publish(route(0, size=f"{turn + 1}m"))
                ),
            )
    few, many = (median(samples[str(count)]) for count in (APPS[0], APPS[-1]))
    return Outcome(
        f"an own setting at {said()} apps", "<= 1 s, flat", shown(samples),
        f"{many / few:.1f}", many <= RELOAD_S and many <= 2 * few, samples,
    )  # fmt: skip


def said() -> str:
    return " / ".join(map(str, APPS))


def shown(samples: dict[str, list[float]]) -> str:
    return " / ".join(milliseconds(median(samples[str(count)])) for count in APPS)
