"""Our own buildpacks: which exist, which fit, and how each is called.

Everybody's contract is Heroku's (devcenter: buildpack-api): bin/detect, compile
and release, run as programs (see foreign.py). Our own packs also have a pack.py
with the same verbs as functions; calling those in-process saves a re-push five
interpreter starts. Both ways do the same: our bin/* call the same functions.
"""

import importlib
import os
from types import ModuleType
from typing import Any

from lifecycle import config, misspelt
from lifecycle.say import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORDER = (  # first match wins
    *("ruby", "python", "php", "java", "go", "rust"),
    *("deno", "bun", "nodejs", "static", "procfile"),
)


class Place:
    """Where a build happens: the app's files, its cache, its config vars as files."""

    def __init__(self, build_dir: str, cache_dir: str, env_dir: str) -> None:
        self.build_dir = build_dir
        self.cache_dir = cache_dir
        self.env_dir = env_dir


class OwnPack:
    """A pack of ours, called as functions of its pack.py."""

    def __init__(self, name: str, module: ModuleType) -> None:
        self.name = name
        self.module = module

    @property
    def looks_for(self) -> str:
        return str(self.module.LOOKS_FOR)

    def detect(self, place: Place) -> tuple[str, list[str]] | None:
        """The language and the files that say so, None when it does not fit."""
        seen = self.module.detect(place.build_dir)
        return (self.module.LANGUAGE, seen) if seen else None

    def plan(self, place: Place) -> list[dict[str, Any]]:
        return list(self.module.plan(place.build_dir, config.read(place.env_dir)))

    def compile(self, place: Place, environment: dict[str, str]) -> dict[str, str]:
        """Build, and return the environment the next pack gets."""
        variables = config.read(place.env_dir)
        self.module.compile(place.build_dir, place.cache_dir, variables, environment)
        return merged(environment, self.environment(place))

    def environment(self, place: Place) -> dict[str, str]:
        """What the pack sets for the app's processes and for the packs after it."""
        return dict(self.module.environment(place.build_dir, config.read(place.env_dir)))

    def release(self, place: Place) -> dict[str, Any]:
        """The default processes; asked of the last pack only, and once, since it may warn."""
        return dict(self.module.release(place.build_dir, config.read(place.env_dir)))

    def layer(self, plan: dict[str, Any], source: str, place: Place) -> None:
        variables = config.for_installers(config.read(place.env_dir), plan.get("variables", []))
        self.module.LAYERS[plan["name"]](source, place.cache_dir, variables, plan)


def load(name: str) -> OwnPack:
    """The pack of ours of this name, or Failure naming those that exist."""
    if is_ours(name):
        return OwnPack(name, importlib.import_module(f"{name}.pack"))
    known = ", ".join(sorted(available()))
    raise Failure(f"there is no buildpack named {name[:80]}", f"choose from: {known}")


def is_ours(name: str) -> bool:
    """Whether a pack of this name has functions to be called."""
    return os.path.isfile(os.path.join(ROOT, name, "pack.py"))


def available() -> list[str]:
    """Names of the packs that are installed."""
    return [
        name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name, "bin/compile"))
    ]


Match = tuple[OwnPack, tuple[str, list[str]]]


def detected(place: Place) -> list[Match]:
    """The first pack that fits; with a static.json also the static pack, to serve the result,
    and with an Aptfile before it the apt pack.

    Each with the language it saw and the files that say so.
    """
    packs = [load(name) for name in ORDER]
    matches = [(pack, result) for pack in packs if (result := pack.detect(place)) is not None]
    if not matches:
        what = "; ".join(f"{pack.name}: {pack.looks_for}" for pack in packs)
        likely = misspelt.guess(place.build_dir)
        hint = f"{likely}. " if likely else "add one of these files. "
        raise Failure("no buildpack fits this app", f"{hint}Looked for, {what}")
    helper = load("apt")
    kept = [*([(helper, found)] if (found := helper.detect(place)) else []), *matches[:1]]
    if os.path.isfile(os.path.join(place.build_dir, "static.json")):
        kept += [match for match in matches[1:] if match[0].name == "static"]
    return kept


def merged(environment: dict[str, str], additions: dict[str, str]) -> dict[str, str]:
    """The environment with a pack's own on top; $PATH in its PATH is what was there."""
    result = {**environment, **additions}
    if "PATH" in additions:
        result["PATH"] = additions["PATH"].replace("$PATH", environment.get("PATH", ""))
    return result
