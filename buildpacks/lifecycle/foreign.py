"""Other people's buildpacks, by Heroku's contract to the letter (devcenter: buildpack-api).

Programs in bin/, run in the pack's own folder: a fresh copy, so that what a pack writes
beside itself ends with the build. Config vars are files in ENV_DIR and nothing else;
`export` is sourced for the packs after it; only the last pack's release counts.
"""

import json
import os
import shutil
from typing import Any

from lifecycle import child, say
from lifecycle.packs import Place
from lifecycle.say import Failure

COPIES = "/tmp/buildpacks"
RELEASE_BYTES, REPORT_ENTRIES = 1 << 20, 100
# a cache of the app's own, whatever packs it is built with, and apart from those of our packs
CACHE = "packs"
SHELLS = {"_", "SHLVL", "PWD", "OLDPWD"}  # what bash sets by itself
OWN = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}  # what would point git at the wrong place


class ForeignPack:
    """A buildpack at root; label is what it was asked for by."""

    looks_for = ""

    def __init__(self, label: str, root: str) -> None:
        self.name = label
        self.root = root

    @classmethod
    def copied(cls, label: str, source: str, number: int) -> "ForeignPack":
        """A fresh copy of a pack, all of it writable and its programs executable."""
        root = os.path.join(COPIES, str(number))
        shutil.copytree(source, root, symlinks=True, copy_function=shutil.copy)
        programs = os.path.join(root, "bin")
        for item in os.scandir(programs) if os.path.isdir(programs) else ():
            if item.is_file(follow_symlinks=False):
                os.chmod(item.path, 0o755)
        return cls(label, root)

    def has(self, program: str) -> bool:
        return os.path.isfile(os.path.join(self.root, "bin", program))

    def argv(self, program: str, *arguments: str) -> list[str]:
        return [*child.executable(os.path.join(self.root, "bin", program)), *arguments]

    def detect(self, place: Place) -> tuple[str, list[str]] | None:
        """The name it prints and no files, None when it does not fit."""
        argv = self.argv("detect", place.build_dir)
        status, output = child.capture(argv, clean(dict(os.environ)), self.root, alone=True)
        return None if status else (output.strip().split("\n")[0][:200] or self.name, [])

    def plan(self, _place: Place) -> list[dict[str, Any]]:
        """No layers: its contract knows none."""
        return []

    def compile(self, place: Place, environment: dict[str, str]) -> dict[str, str]:
        """Build, and return the environment the next pack gets."""
        os.makedirs(cache := os.path.join(place.cache_dir, CACHE), exist_ok=True)
        argv = self.argv("compile", place.build_dir, cache, place.env_dir)
        done = child.run(argv, clean(environment), self.root, indent=False, alone=True)
        if done.status:
            raise self.failed("compile", done)
        return sourced(os.path.join(self.root, "export"), environment)

    def release(self, place: Place) -> dict[str, Any]:
        """default_process_types and config_vars; asked of the last pack only."""
        if not self.has("release"):
            return {}
        argv = self.argv("release", place.build_dir)
        status, output = child.capture(argv, clean(dict(os.environ)), self.root, alone=True)
        if status:
            raise self.failed("release", child.Completed(argv, status, output))
        return yaml(output[:RELEASE_BYTES])

    def report(self, place: Place) -> dict[str, str]:
        """What bin/report says of the build: plain values by name, nothing when it fails."""
        if not self.has("report"):
            return {}
        cache = os.path.join(place.cache_dir, CACHE)
        argv = self.argv("report", place.build_dir, cache, place.env_dir)
        done = child.run(argv, clean(dict(os.environ)), self.root, quiet=True, alone=True)
        try:
            said = yaml(done.output) if done.status == 0 else {}
        except Failure:
            return {}
        plain = [(key, value) for key, value in said.items() if not isinstance(value, dict | list)]
        return {str(key): str(value) for key, value in plain[:REPORT_ENTRIES]}

    def failed(self, verb: str, done: child.Completed) -> Failure:
        how = f"failed with status {done.status}"
        if done.status < 0:
            how = f"was ended by signal {-done.status}"
        return Failure(f"the {self.name} buildpack's {verb} {how}", "its own lines above say why")


# -- environments --------------------------------------------------------------------


def clean(environment: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key not in OWN}


def sourced(script: str, environment: dict[str, str]) -> dict[str, str]:
    """The environment after sourcing a pack's `export` file, when it has one."""
    if not os.path.isfile(script):
        return environment
    argv = ["/bin/bash", "-c", 'set -a; . "$1" >&2; exec /usr/bin/env -0', "export", script]
    status, output = child.capture(argv, environment, "/", alone=True)
    if status:
        say.warning(f"{script} could not be sourced")
        return environment
    pairs = (item.partition("=") for item in output.split("\0") if "=" in item)
    changed = {key: value for key, _, value in pairs if key not in SHELLS}
    return {**{key: environment[key] for key in SHELLS & environment.keys()}, **changed}


def yaml(text: str) -> dict[str, Any]:
    """What bin/release printed. JSON is YAML, and ours print that; others need PyYAML."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = with_library(text)
    return value if isinstance(value, dict) else {}


def with_library(text: str) -> object:
    import importlib  # noqa: PLC0415 - few packs need it
    import sys  # noqa: PLC0415 - as above

    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        library = importlib.import_module("yaml")
    except ImportError as error:
        raise Failure("this stack cannot read YAML: python3-yaml is missing") from error
    try:
        return library.safe_load(text)
    except library.YAMLError as error:
        raise Failure(f"the buildpack's release printed bad YAML: {error}"[:300]) from error
