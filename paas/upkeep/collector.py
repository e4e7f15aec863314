"""The collector: the one place that knows the order in which space is freed.

What is certain waste first, then what is stored twice, then what might serve again.
Never a volume, nor anything else that is not known to be ours and of no use.
"""

import logging
from collections.abc import Callable

from paas.console import Console
from paas.deploy import pipeline
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image.errands import Errands
from paas.model.app import App
from paas.platform import Platform
from paas.upkeep import caches, layers, leftovers, merge, releases, repositories, stocktaking
from paas.upkeep.round import Round, Wish
from paas.upkeep.waste import Outcome

log = logging.getLogger(__name__)

Step = Callable[[Round], None]
CERTAIN: tuple[Step, ...] = (
    releases.old_releases,
    leftovers.build_logs,
    leftovers.strays,
    leftovers.workshops,
    leftovers.networks,
    layers.old_layers,
    layers.copies,
    layers.stray_drafts,
    caches.caches,
)
THOROUGH: tuple[Step, ...] = (
    merge.merge,
    repositories.repositories,
    stocktaking.take_stock,
)


def collect(
    platform: Platform, wish: Wish, console: Console, *, actor: str = "paas", hurry: bool = False
) -> Outcome:
    """Free what can be freed, one collection at a time; what was freed is recorded.

    hurry: somebody waits for it.
    """
    with (
        platform.collections.hold("", console, "a collection"),
        Errands(platform.runner, hurry=hurry) as errands,
    ):
        console.on_cancel(errands.stop)
        round_ = Round(platform, errands, wish)
        try:
            take_steps(round_, console)
        finally:
            told(round_, actor)
    return round_.outcome


def take_steps(round_: Round, console: Console) -> None:
    """Step by step, until there is enough; Cancelled when the caller goes away."""
    enough = round_.wish.enough
    for step in (*CERTAIN, *((last_resorts,) if enough else ()), *THOROUGH):
        console.check_cancelled()
        if enough is not None and enough():
            return
        attempt(step, round_)
    console.check_cancelled()


def told(round_: Round, actor: str) -> None:
    """Record what was freed, also when that was cut short."""
    outcome, only = round_.outcome, round_.wish.only
    if outcome.freed and not outcome.dry:
        round_.platform.record(only.name if only else "", actor, "gc", outcome.words)


def purge_cache(platform: Platform, name: str, console: Console, *, actor: str) -> Outcome:
    """Delete an app's build cache, once nobody builds it."""
    return alone(platform, name, console, actor, "purging its cache", caches.purge)


def tidy_repository(platform: Platform, name: str, console: Console, *, actor: str) -> Outcome:
    """Have git tidy an app's repository, as thoroughly as it can."""
    return alone(
        platform,
        name,
        console,
        actor,
        "tidying its repository",
        lambda round_, app: repositories.tidy(round_, app, expire="now", aggressive=True),
    )


def alone(
    platform: Platform,
    name: str,
    console: Console,
    actor: str,
    words: str,
    work: Callable[[Round, App], None],
) -> Outcome:
    """Free something of one app, under its lock; somebody waits for it."""
    with (
        pipeline.operation(platform, name, console, words) as app,
        Errands(platform.runner, hurry=True) as errands,
    ):
        console.on_cancel(errands.stop)
        round_ = Round(platform, errands, Wish(only=app))
        work(round_, app)
    platform.record(name, actor, "gc", round_.outcome.words)
    return round_.outcome


def attempt(step: Step, round_: Round) -> None:
    """One step; that it fails leaves the others their turn, since a full disk makes steps fail."""
    try:
        failpoint("collect.step")
        step(round_)
    except (PaasError, OSError) as error:
        log.warning("%s did not finish: %s", step.__name__, error)


def last_resorts(round_: Round) -> None:
    """What might serve again, that which was unused for longest first, until there is enough."""
    enough = round_.wish.enough or (lambda: True)
    with round_.platform.layers.collecting() as collection:
        found = [*layers.spare(round_, collection), *caches.spare(round_)]
        for one in sorted(found, key=lambda spare: spare.used_at):
            if enough():
                return
            one.remove()
