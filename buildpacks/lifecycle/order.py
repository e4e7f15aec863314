"""The buildpacks of one build, in their order.

Ours that come first are planned before anything is compiled, and what they install
are layers. From the first of somebody else's on nothing is certain: it may move the
app's files, or `export` what changes an installation. So ours behind it are asked
again when their turn comes; where their plan, the files it names and the environment
are still those of the guess, the guess's layers serve, else they install in place.
"""

import os
import shutil
from typing import Any

from lifecycle import packs, say
from lifecycle.foreign import ForeignPack
from lifecycle.packs import OwnPack, Place
from lifecycle.say import Failure

Pack = OwnPack | ForeignPack
Seen = tuple[str, list[str]]
# what packs of ours without functions look for
LOOKS_FOR = {"inline": "bin/compile"}


class Step:
    """One pack and its turn; guess is what it would install as things stand at the beginning."""

    def __init__(self, pack: Pack, seen: Seen | None, *, certain: bool) -> None:
        self.pack = pack
        self.seen = seen
        self.certain = certain
        self.guess: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}

    def plan(self, place: Place) -> list[dict[str, Any]]:
        """The layers it asks for; of one whose turn is not certain: none when it cannot say."""
        if self.certain:
            return self.pack.plan(place)
        aloud = say.target
        say.to(None)  # what there is to tell, is told in its turn
        try:
            self.guess = self.pack.plan(place) if self.seen else []
        except Failure:
            self.guess = []
        finally:
            say.to(aloud)
        self.files = contents(place, self.guess)
        return self.guess


def steps(place: Place, named: list[dict[str, Any]]) -> list[Step]:
    """The packs that were asked for, or those that fit; Failure when one that must, does not."""
    if not named:
        return [Step(pack, seen, certain=True) for pack, seen in packs.detected(place)]
    chosen = [load(entry, number) for number, entry in enumerate(named)]
    tell_unused_packages(place, chosen)
    foreign = [number for number, pack in enumerate(chosen) if isinstance(pack, ForeignPack)]
    first = foreign[0] if foreign else len(chosen)
    found = []
    for number, pack in enumerate(chosen):
        certain = number <= first
        seen = pack.detect(place) if certain or isinstance(pack, OwnPack) else None
        if certain and seen is None:
            raise unfit(pack)
        found.append(Step(pack, seen, certain=certain))
    return found


def tell_unused_packages(place: Place, chosen: list[Pack]) -> None:
    """An Aptfile is read where packs are detected; where they are chosen, it must be too."""
    helper = packs.load("apt")
    names = {pack.name for pack in chosen}
    if "apt" not in names and not any("apt" in name for name in names) and helper.detect(place):
        say.warning("the Aptfile is not read: the apt buildpack is not among those chosen")
        say.warning("to have it read: paas buildpacks:add --index 1 <app> apt")


def load(entry: dict[str, Any], number: int) -> Pack:
    """A pack of ours by its name, or a fresh copy of another one."""
    name = str(entry["name"])
    if "path" in entry:
        return ForeignPack.copied(name, str(entry["path"]), number)
    if not packs.is_ours(name) and name in packs.available():
        pack = ForeignPack.copied(name, os.path.join(packs.ROOT, name), number)
        pack.looks_for = LOOKS_FOR.get(name, "")
        return pack
    return packs.load(name)


def unfit(pack: Pack) -> Failure:
    looks_for = f": it looks for {pack.looks_for}" if pack.looks_for else ""
    return Failure(
        f"the {pack.name} buildpack was chosen, but does not fit{looks_for}",
        "add what it needs, or choose another with buildpacks:set",
    )


def announce(step: Step) -> None:
    """Say what the pack saw."""
    language, files = step.seen or (step.pack.name, [])
    say.step(f"{language} app detected")
    if files:
        say.detail(f"by {', '.join(files)}")


# -- running them ----------------------------------------------------------------------


class Result:
    """What the packs made: the variables of the app's processes, and what each reports."""

    def __init__(self) -> None:
        self.environment = {"PATH": os.environ.get("PATH", "")}
        self.reports: dict[str, dict[str, str]] = {}


def compiled(place: Place, chosen: list[Step]) -> Result:
    """Run every pack in its turn."""
    result = Result()
    environment = dict(os.environ)
    exported = False
    for step in chosen:
        pack = step.pack
        if not step.certain:
            step.seen = pack.detect(place)
            if step.seen is None:
                raise unfit(pack)
            announce(step)
        if isinstance(pack, OwnPack):
            environment = turn(step, pack, place, environment, exported=exported)
            result.environment = packs.merged(result.environment, pack.environment(place))
        else:
            before, environment = environment, pack.compile(place, environment)
            exported = exported or environment != before
            if said := pack.report(place):
                result.reports[pack.name] = said
    return result


def turn(
    step: Step, pack: OwnPack, place: Place, environment: dict[str, str], *, exported: bool
) -> dict[str, str]:
    """One of ours: over its layers, or all in place where these would not be what it needs."""
    if step.certain:
        return pack.compile(place, environment)
    plan = pack.plan(place)
    if plan == step.guess and not exported and contents(place, plan) == step.files:
        return pack.compile(place, environment)
    refuse_system(pack, plan, step.guess)
    for layer in step.guess:
        remove(place, layer)
    temporary = [layer for layer in plan if layer.get("build_only")]
    hidden = {path for layer in temporary for path in layer["provides"]}
    late = [one for one in plan if one not in temporary and hidden & set(one["provides"])]
    install(pack, place, environment, [layer for layer in plan if layer not in late])
    environment = pack.compile(place, environment)
    for layer in temporary:
        remove(place, layer)
    install(pack, place, environment, late)
    return environment


def install(
    pack: OwnPack, place: Place, environment: dict[str, str], plan: list[dict[str, Any]]
) -> None:
    """Make what would be layers where they belong, with what earlier packs exported."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        for layer in plan:
            if not layer.get("system"):
                pack.layer({**layer, "grown": False}, place.build_dir, place)
    finally:
        os.environ.clear()
        os.environ.update(before)


def remove(place: Place, layer: dict[str, Any]) -> None:
    """What a layer provides, out of the way of what is installed in its place."""
    for path in layer.get("provides", ()):
        full = os.path.join(place.build_dir, path)
        if os.path.isdir(full) and not os.path.islink(full):
            shutil.rmtree(full)
        elif os.path.lexists(full):
            os.unlink(full)


def refuse_system(pack: OwnPack, plan: list[dict[str, Any]], guess: list[dict[str, Any]]) -> None:
    """Debian's packages are installed before the build begins, and cannot come now."""
    wanted = [layer for layer in plan if layer.get("system") and layer not in guess]
    if wanted:
        names = ", ".join(name for layer in wanted for name in layer.get("wants", ()))
        raise Failure(
            f"the {pack.name} buildpack needs Debian packages that it did not ask for "
            f"at the beginning: {names}",
            "name them in an Aptfile, or let that buildpack come first",
        )


def contents(place: Place, plan: list[dict[str, Any]]) -> dict[str, bytes]:
    """The files that a plan's layers are made from; of folders only that they were asked for."""
    found: dict[str, bytes] = {}
    for path in {path for layer in plan for path in layer.get("files", ())}:
        full = os.path.join(place.build_dir, path)
        if path == "." or path.endswith("/"):
            found[path] = os.urandom(8)  # anything may have changed in it: never equal
        elif os.path.isfile(full):
            with open(full, "rb") as file:
                found[path] = file.read()
    return found
