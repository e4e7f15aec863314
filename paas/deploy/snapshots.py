"""Snapshots: stacks made again, from Debian's archive as it is now; old ones stay while used.

One is a layer over the usual stack, or over one of another suite that the first snapshot of
that suite makes: what has changed since, and the recipe's own packages. Touches: Debian's
mirror, through image/debian.
"""

import secrets
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paas.command import Child, Runner
from paas.console import Console
from paas.deploy import materials
from paas.deploy.stacks import USUAL
from paas.errors import PaasError
from paas.image import apt_words, debian, tools
from paas.model import moments
from paas.model.release import Layer
from paas.model.stack import PREFIX, Recipe, Snapshot
from paas.platform import Platform

PENDING = ("stack", "pending")
Finish = Callable[[Path], None]


class Watched(Runner):
    """Starts children that end with the caller: apt would work on for minutes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def spawn(self, argv: Sequence[str], **options: Any) -> Child:
        """Start a child; see Runner.spawn."""
        self._console.check_cancelled()
        child = super().spawn(argv, **options)
        self._console.on_cancel(child.kill)
        return child


def make(
    platform: Platform, name: str, recipe: Recipe, console: Console, actor: str
) -> Snapshot | None:
    """A new snapshot, current from now on; None when it would be as the current one is."""
    with platform.locks.hold(f"stack {name}", console, f"the making of the stack {name}"):
        console.step(f"Making the stack {name}: this takes a minute")
        with platform.layers.leased():
            now = datetime.now(UTC)
            identity = f"{now:%Y%m%d}-{secrets.token_hex(3)}"
            try:
                with apt_words.explained(recipe.suite or platform.stack.suite):
                    run, build = layers(platform, name, recipe, identity, console)
            except BaseException:
                discard(platform, identity)
                console.check_cancelled()
                raise
            digest = recipe.digest(platform.stack.digest)
            made = Snapshot(identity, name, recipe, digest, run, build, now, actor, current=True)
            if unchanged(platform, made, console):
                discard(platform, identity)
                return None
            platform.store.stacks.add(made)
    platform.store.properties.set(None, *pending_of(name), None)
    return made


@dataclass(frozen=True, slots=True)
class Ground:
    """What snapshots lie upon: a suite of Debian as it was when it was made, both variants."""

    suite: str
    run: tuple[Layer, ...]
    build: tuple[Layer, ...]


def layers(
    platform: Platform, name: str, recipe: Recipe, identity: str, console: Console
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """The layers of the run and of the build variant."""
    ids = {variant: f"{PREFIX}{name}-{variant}-{identity}" for variant in ("run", "build")}
    ground = ground_of(platform, recipe, identity, console)
    ground_run, ground_build = (platform.layers.path(layer) for layer in ground.build)
    aside = platform.layers.new_upper(0)
    lists = aside / "lists"

    def finish_run(root: Path) -> None:
        shutil.move(root / debian.LISTS, lists)

    def finish_build(root: Path) -> None:
        note_status(platform.layers.path(run), ground_run, root)

    try:
        packages, known = (*recipe.run, *recipe.build), ground_build / debian.LISTS
        work = Work(ids["run"], ground.run, recipe.run, known, finish_run, ask=True, later=packages)
        run = over(platform, ground.suite, work, console)
        work = Work(ids["build"], ground.build, packages, lists, finish_build)
        build = over(platform, ground.suite, work, console)
    finally:
        platform.layers.discard(aside)
    return (*ground.run, run), (*ground.build, build)


@dataclass(frozen=True, slots=True)
class Work:
    """A layer to be made over others, with further packages.

    lists: apt's to begin with; ask: the mirror for newer ones. later: packages of layers above.
    """

    layer_id: str
    below: Sequence[Layer]
    packages: Sequence[str]
    lists: Path
    finish: Finish
    ask: bool = False
    later: Sequence[str] = ()


def over(platform: Platform, suite: str, work: Work, console: Console) -> Layer:
    """A layer that brings those below up to date, with further packages."""
    console.check_cancelled()
    upper = platform.layers.new_upper(0)
    paths = [platform.layers.path(layer) for layer in work.below]
    runner, say = Watched(console), console.detail
    try:
        with debian.brought_up(
            suite,
            paths,
            upper,
            work.packages,
            work.lists,
            runner,
            say,
            ask=work.ask,
            later=work.later,
        ) as root:
            work.finish(root)
        return platform.layers.adopt(upper, work.layer_id, 0)
    except BaseException:
        platform.layers.discard(upper)
        raise


def ground_of(platform: Platform, recipe: Recipe, identity: str, console: Console) -> Ground:
    """The usual stack, or one of the recipe's suite, made before or now."""
    usual = platform.stack
    if recipe.suite in ("", usual.suite):
        return Ground(usual.suite, usual.run_layers, usual.build_layers)
    return made_before(platform, recipe.suite) or from_nothing(platform, recipe, identity, console)


def made_before(platform: Platform, suite: str) -> Ground | None:
    """What the newest snapshot of a suite lies upon, if this version made it and it is here."""
    usual = platform.stack.digest
    for one in sorted(platform.store.stacks.list(), key=lambda one: one.made_at, reverse=True):
        mine = one.recipe.suite == suite and one.digest == one.recipe.digest(usual)
        run, build = one.run[:-1], one.build[:-1]
        if mine and run and all(platform.layers.find(layer.id) for layer in build):
            return Ground(suite, run, build)
    return None


def from_nothing(platform: Platform, recipe: Recipe, identity: str, console: Console) -> Ground:
    """A suite's ground, with nothing of the usual stack in it; the recipe's own packages are tried.

    Its layers' names are no snapshot's: no stack has two dashes in its name.
    """
    layers, runner, suite = platform.layers, Watched(console), recipe.suite
    ids = {variant: f"{PREFIX}{suite}--{variant}-{identity}" for variant in ("run", "build")}
    run_upper, build_upper, aside = (layers.new_upper(0) for _ in range(3))
    lists, say = aside / "lists", console.detail
    try:
        packages = (*debian.RUN, *debian.BUILD, *recipe.run, *recipe.build)
        debian.trial(suite, aside, packages, runner, say)
        with ThreadPoolExecutor(1, thread_name_prefix="tools") as beside:
            fetched = beside.submit(tools.fetch, build_upper, runner, say)
            debian.install_run(suite, run_upper, lists, runner, say)
            run = layers.adopt(run_upper, ids["run"], 0)
            fetched.result()
        debian.install_build(suite, layers.path(run), build_upper, lists, runner, say)
        return Ground(suite, (run,), (run, layers.adopt(build_upper, ids["build"], 0)))
    finally:
        for upper in (run_upper, build_upper, aside):
            layers.discard(upper)


def note_status(new_run: Path, ground_run: Path, root: Path) -> None:
    """What both variants have, where an app's own packages are resolved (lifecycle/debian.py)."""
    changed = new_run / debian.STATUS
    source = changed if changed.is_file() else ground_run / debian.STATUS
    debian.note_status(source, root)


def unchanged(platform: Platform, made: Snapshot, console: Console) -> bool:
    """Whether both variants have the very packages that they have now."""
    now = platform.store.stacks.current(made.name)
    if now is None and made.name != USUAL:
        return False
    usual = platform.stack
    before = (now.run, now.build) if now else (usual.run_layers, usual.build_layers)
    if not all(platform.layers.find(layer.id) for layer in (*before[0], *before[1])):
        return False
    return all(
        materials.debian_packages(platform, old, console)
        == materials.debian_packages(platform, new, console)
        for old, new in zip(before, (made.run, made.build), strict=True)
    )


def discard(platform: Platform, identity: str) -> None:
    """Remove the layers of a snapshot that shall not be."""
    for layer in platform.layers.list():
        if layer.id.startswith(PREFIX) and layer.id.endswith(identity):
            platform.layers.remove(layer.id)


# -- looking -------------------------------------------------------------------------------


def pending(platform: Platform, name: str, console: Console) -> list[str]:
    """Packages of a stack's build variant that have updates, as `name old -> new`; remembered."""
    base = current_build(platform, name)
    paths = [platform.layers.path(layer) for layer in base]
    made = platform.store.stacks.current(name)
    suite = (made.recipe.suite if made else "") or platform.stack.suite
    console.step(f"Asking Debian for updates of {name}")
    upper = platform.layers.new_upper(0)
    try:
        with apt_words.explained(suite):
            lines = debian.pending(suite, paths, upper, Watched(console))
    except BaseException:
        console.check_cancelled()
        raise
    finally:
        platform.layers.discard(upper)
    found = [words(line) for line in lines]
    text = f"{moments.iso(datetime.now(UTC))} {len(found)}"
    platform.store.properties.set(None, *pending_of(name), text)
    return found


def current_build(platform: Platform, name: str) -> tuple[Layer, ...]:
    """The layers that builds on a stack take; PaasError where there is no such stack."""
    made = platform.store.stacks.current(name)
    if made is None and name != USUAL:
        raise PaasError(f"there is no stack {name}", "see which there are: paas stack:list")
    return made.build if made else platform.stack.build_layers


def words(line: str) -> str:
    """`Inst openssl [3.5.0-1] (3.5.1-1 Debian-Security:13/stable-security [amd64])`, shorter."""
    parts = line.split()
    old = parts[2].strip("[]") if len(parts) > 2 and parts[2].startswith("[") else "new"
    new = next((part[1:] for part in parts if part.startswith("(")), "?")
    security = ", security" if "-Security" in line else ""
    return f"{parts[1]} {old} -> {new}{security}"


def pending_of(name: str) -> tuple[str, str]:
    return PENDING[0], f"{PENDING[1]}-{name}"


def forget_unused(platform: Platform) -> None:
    """Former snapshots that no release stands on any more."""
    former = [one for one in platform.store.stacks.list() if not one.current]
    ids = {layer.id for one in former for layer in one.run[-1:]}
    used = platform.store.releases.layers_needed(ids) if ids else set()
    unused = [one.id for one in former if one.run[-1].id not in used]
    if unused:
        platform.store.stacks.forget(unused)
