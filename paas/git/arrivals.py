"""Arrivals: what comes by another way than a push, judged by git as a push is.

Touches: <repository>/objects, and git through the Runner as the git user. Until somebody
takes it over, nobody sees it who does not have the variables of its quarantine: the same
that git itself gives a push (git-receive-pack(1), "Quarantine environment").
"""

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from paas.command import Runner
from paas.errors import PaasError
from paas.git.invocation import BASE_ENVIRONMENT, PROTECTED
from paas.image.durable import remove_tree
from paas.settings import Settings


@contextmanager
def quarantined(settings: Settings, repository: Path) -> Iterator[dict[str, str]]:
    """A place for objects beside the repository's own, for as long as the block runs."""
    objects = repository / "objects"
    place = objects / f"incoming-{secrets.token_hex(6)}"
    place.mkdir(mode=0o700)
    os.chown(place, settings.git_uid, settings.git_uid)
    try:
        yield {
            "GIT_QUARANTINE_PATH": str(place),
            "GIT_OBJECT_DIRECTORY": str(place),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
    finally:
        with suppress(FileNotFoundError):  # gone with the app
            remove_tree(place)


def take(
    settings: Settings,
    runner: Runner,
    repository: Path,
    environment: Mapping[str, str],
    pack: IO[bytes],
    prepare: Callable[[], None] | None = None,
) -> None:
    """Put a pack's objects into the quarantine; PaasError when git finds them wanting."""
    limit = settings.push_max_bytes
    argv = ("index-pack", "--stdin", "--fix-thin", "--strict", f"--max-input-size={limit}")
    child = runner.spawn(
        ("git", f"--git-dir={repository}", *PROTECTED, *argv),
        stdin=pack,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**BASE_ENVIRONMENT, **environment},
        user=settings.git_uid,
        gently=True,
        prepare=prepare,
    )
    _, said = child.communicate()
    if child.returncode:
        raise refused(said.decode(errors="replace"))


def refused(said: str) -> PaasError:
    """Why git does not take it, in its own words."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith(("error: ", "fatal: "))] or lines
    reason = (reasons or ["it said nothing"])[0].removeprefix("error: ").removeprefix("fatal: ")
    return PaasError(
        f"git does not take what came in: {reason[:400]}",
        "the checks are those of a push; nothing was changed",
    )
