"""Stacks: what they are made of, and each making of one.

Pure. A stack has a name and a recipe. Its makings are snapshots of Debian's archive: apps
stay on the one they were built on until they are built again or rebased.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paas.errors import PaasError
from paas.model.release import Layer

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,80}")
SUITE = re.compile(r"[a-z]{2,20}")
PACKAGES_AT_MOST = 500
KEYS = ("suite", "run", "build")
PREFIX = "stack-"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A stack's definition: the usual one's packages and these, from a suite of Debian."""

    suite: str
    run: tuple[str, ...] = ()
    build: tuple[str, ...] = ()

    def digest(self, usual: str) -> str:
        """Twelve hexadecimal digits; with nothing of its own, those of the usual stack."""
        if not self.run and not self.build and not self.suite:
            return usual
        text = json.dumps([usual, self.suite, sorted(self.run), sorted(self.build)])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One making of a stack. digest: of its recipe, the same for all of its snapshots.

    run, build: layers, bottom first. current: what builds take and apps are rebased onto.
    """

    id: str
    name: str
    recipe: Recipe
    digest: str
    run: tuple[Layer, ...]
    build: tuple[Layer, ...]
    made_at: datetime
    actor: str = ""
    current: bool = False


def parse(text: str, usual_suite: str) -> Recipe:
    """A recipe from TOML: suite, run, build. PaasError names what is wrong."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PaasError(f"the definition is not valid TOML: {error}") from error
    for key in values:
        if key not in KEYS:
            raise PaasError(
                f"there is no {key[:80]!r} in a stack's definition", f"known: {', '.join(KEYS)}"
            )
    suite = values.get("suite", usual_suite)
    if not isinstance(suite, str) or not SUITE.fullmatch(suite):
        raise PaasError("suite must be the name of a suite of Debian, such as trixie")
    return Recipe(suite, packages(values, "run"), packages(values, "build"))


def packages(values: dict[str, Any], key: str) -> tuple[str, ...]:
    """Names of Debian packages."""
    found = values.get(key, [])
    if not isinstance(found, list) or len(found) > PACKAGES_AT_MOST:
        raise PaasError(f"{key} must be a list of at most {PACKAGES_AT_MOST} packages")
    for name in found:
        if not isinstance(name, str) or not PACKAGE.fullmatch(name):
            raise PaasError(f"{str(name)[:80]!r} in {key} is not the name of a Debian package")
    return tuple(dict.fromkeys(found))


def stack_name(text: str) -> str:
    """The name when it may be one of a stack."""
    if NAME.fullmatch(text) and "--" not in text:
        return text
    raise PaasError(
        f"{text[:80]!r} is not a name for a stack",
        "use 2 to 32 lower-case letters, digits and dashes, a letter first",
    )
