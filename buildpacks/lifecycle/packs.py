"""The buildpacks: which exist, which fit, and how each is called.

Everybody's contract is Heroku's (devcenter: buildpack-api): bin/detect, compile
and release, run as programs. Our own packs also have a pack.py with the same
verbs as functions; calling those in-process saves a re-push five interpreter
starts. Both ways do the same: our bin/* call the same functions.
"""

import importlib
import json
import os
import sys
from types import ModuleType
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORDER = ("python", "nodejs", "static", "procfile")  # first match wins
OFFICIAL = ("https://github.com/heroku/heroku-buildpack-", "https://buildpack-registry.s3.")


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


class ScriptPack:
    """Anybody's pack, by Heroku's contract: programs in bin/, run in the pack's own folder."""

    def __init__(self, name: str, root: str) -> None:
        self.name = name
        self.root = root
        self.looks_for = ""

    def argv(self, program: str, *arguments: str) -> list[str]:
        return [*child.executable(os.path.join(self.root, "bin", program)), *arguments]

    def has(self, program: str) -> bool:
        return os.path.isfile(os.path.join(self.root, "bin", program))

    def detect(self, place: Place) -> tuple[str, list[str]] | None:
        status, output = child.capture(
            self.argv("detect", place.build_dir), clean(dict(os.environ)), self.root
        )
        return None if status else (output.strip().split("\n")[0] or self.name, [])

    def plan(self, place: Place) -> list[dict[str, Any]]:
        if not self.has("plan"):
            return []
        argv = self.argv("plan", place.build_dir, place.env_dir)
        status, output = child.capture(argv, clean(dict(os.environ)), self.root)
        return list(json.loads(output)) if status == 0 else self.failed("plan", status)

    def compile(self, place: Place, environment: dict[str, str]) -> dict[str, str]:
        argv = self.argv("compile", place.build_dir, place.cache_dir, place.env_dir)
        done = child.run(argv, clean(environment), self.root, indent=False)
        if done.status:
            self.failed("compile", done.status)
        return sourced(os.path.join(self.root, "export"), environment)

    def release(self, place: Place) -> dict[str, Any]:
        if not self.has("release"):
            return {}
        argv = self.argv("release", place.build_dir)
        status, output = child.capture(argv, clean(dict(os.environ)), self.root)
        return yaml(output) if status == 0 else self.failed("release", status)

    def layer(self, plan: dict[str, Any], source: str, place: Place) -> None:
        arguments = (source, place.cache_dir, place.env_dir, str(plan.get("runtime", "")))
        argv = self.argv(os.path.join("layers", plan["name"]), *arguments)
        if (done := child.run(argv, clean(dict(os.environ)), self.root)).status:
            self.failed(plan["name"], done.status)

    def failed(self, verb: str, status: int) -> Any:
        raise Failure(
            f"the {self.name} buildpack's {verb} failed with status {status}",
            "its own lines above say why",
        )


Pack = OwnPack | ScriptPack


def load(name: str) -> Pack:
    """The pack of this name, or Failure naming those that exist."""
    root = os.path.join(ROOT, name)
    if os.path.isfile(os.path.join(root, "pack.py")):
        return OwnPack(name, importlib.import_module(f"{name}.pack"))
    if os.path.isfile(os.path.join(root, "bin", "compile")):
        return ScriptPack(name, root)
    known = ", ".join(sorted(available()))
    raise Failure(f"there is no buildpack named {name[:80]}", f"choose from: {known}")


def available() -> list[str]:
    """Names of the packs that are installed."""
    return [
        name for name in os.listdir(ROOT) if os.path.isfile(os.path.join(ROOT, name, "bin/compile"))
    ]


def resolve(reference: str) -> str:
    """A name from a name, `heroku/python`, or the address of Heroku's own repository."""
    address = reference.strip().removesuffix(".git")
    name = address.rstrip("/").rpartition("/")[2].partition("#")[0].removesuffix(".git")
    name = name.removesuffix(".tgz").removeprefix("heroku-buildpack-").removeprefix("buildpack-")
    ours = os.path.isfile(os.path.join(ROOT, name, "pack.py"))
    if ("://" in address or address.startswith("git@")) and not (
        ours and address.startswith(OFFICIAL)
    ):
        raise Failure(
            f"buildpacks from an address are not possible yet: {reference[:200]}",
            f"name one that is installed instead: {', '.join(sorted(available()))}",
        )
    if not name or not all(part.isalnum() for part in name.replace("_", "-").split("-")):
        raise Failure(f"{reference[:80]!r} is not the name of a buildpack")
    return name


def chosen(place: Place, named: list[str]) -> tuple[list[Pack], list[tuple[str, list[str]]]]:
    """The packs to run in order, each with the language it saw and the files that say so."""
    names = named or in_file(place) or in_manifest(place)
    if not names:
        return detected(place)
    packs = [load(resolve(name)) for name in names]
    seen = [(pack, pack.detect(place)) for pack in packs]
    for pack, result in seen:
        if result is None:
            looks_for = f": it looks for {pack.looks_for}" if pack.looks_for else ""
            raise Failure(
                f"the {pack.name} buildpack was chosen, but does not fit{looks_for}",
                "add what it needs, or choose another with buildpacks:set",
            )
    return packs, [result for _, result in seen if result is not None]


def detected(place: Place) -> tuple[list[Pack], list[tuple[str, list[str]]]]:
    """The first pack that fits; with a static.json also the static pack, to serve the result."""
    packs = [load(name) for name in ORDER]
    matches = [(pack, result) for pack in packs if (result := pack.detect(place)) is not None]
    if not matches:
        what = "; ".join(f"{pack.name}: {pack.looks_for}" for pack in packs)
        raise Failure("no buildpack fits this app", f"add one of these files. {what}")
    kept = matches[:1]
    if os.path.isfile(os.path.join(place.build_dir, "static.json")):
        kept += [match for match in matches[1:] if match[0].name == "static"]
    return [pack for pack, _ in kept], [result for _, result in kept]


def in_file(place: Place) -> list[str]:
    """Names in .buildpacks, one a line."""
    try:
        with open(os.path.join(place.build_dir, ".buildpacks"), errors="replace") as file:
            lines = [line.strip() for line in file]
    except (FileNotFoundError, IsADirectoryError):
        return []
    return [line for line in lines if line and not line.startswith("#")]


def in_manifest(place: Place) -> list[str]:
    """Names in app.json; the daemon has checked the file's types before, so mistakes end here."""
    try:
        with open(os.path.join(place.build_dir, "app.json"), encoding="utf-8-sig") as file:
            listed = json.load(file).get("buildpacks") or []
        return [item if isinstance(item, str) else item["url"] for item in listed]
    except (FileNotFoundError, IsADirectoryError):
        return []
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise Failure(f"app.json cannot be read: {error}", "correct it and push again") from error


# -- environments --------------------------------------------------------------------


def clean(environment: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key != "GIT_DIR"}


def merged(environment: dict[str, str], additions: dict[str, str]) -> dict[str, str]:
    """The environment with a pack's own on top; $PATH in its PATH is what was there."""
    result = {**environment, **additions}
    if "PATH" in additions:
        result["PATH"] = additions["PATH"].replace("$PATH", environment.get("PATH", ""))
    return result


def sourced(script: str, environment: dict[str, str]) -> dict[str, str]:
    """The environment after sourcing a pack's `export` file, when it has one."""
    if not os.path.isfile(script):
        return environment
    argv = ["/bin/bash", "-c", 'set -a; . "$1" >&2; env -0', "export", script]
    status, output = child.capture(argv, environment, "/")
    if status:
        say.warning(f"{script} could not be sourced")
        return environment
    pairs = (item.partition("=") for item in output.split("\0") if "=" in item)
    return {key: value for key, _, value in pairs}


def yaml(text: str) -> dict[str, Any]:
    """What bin/release printed. JSON is YAML, and ours print that; others need PyYAML."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = with_library(text)
    return value if isinstance(value, dict) else {}


def with_library(text: str) -> object:
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        library = importlib.import_module("yaml")
    except ImportError as error:
        raise Failure("this stack cannot read YAML: python3-yaml is missing") from error
    try:
        return library.safe_load(text)
    except library.YAMLError as error:
        raise Failure(f"the buildpack's release printed bad YAML: {error}"[:300]) from error
