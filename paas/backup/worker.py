"""Workers: the long part of a backup or a restore, in a process of its own at low priority.

Touches: children through the Runner. The daemon stays small and quick whatever an archive
holds; a worker ends with its daemon. What it is to do, secrets included, comes in a
memory file (memfd_create(2)), never in its arguments.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from paas import failpoints
from paas.backup.orders import with_settings
from paas.command import signal_name
from paas.console import Console
from paas.errors import PaasError
from paas.platform import Platform

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).resolve().parents[2]
# gone with the thread that waits for it, and behind everybody else for the processors
PREFIX = ("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10", "ionice", "-c", "2", "-n", "7")
LAST_WORDS = 40


@dataclass(frozen=True, slots=True)
class Files:
    """What a worker gets open: standard output, and an archive it may read from."""

    output: int = subprocess.DEVNULL
    archive: int | None = None


def work(
    platform: Platform, role: str, order: Mapping[str, Any], console: Console, files: Files
) -> dict[str, Any]:
    """Have a worker do something, its progress told on the console; its result, or PaasError."""
    whole = with_settings({**order, "archive": files.archive}, platform.settings)
    with memory_file(json.dumps(whole).encode()) as descriptor:
        handed = (descriptor,) if files.archive is None else (descriptor, files.archive)
        child = platform.runner.spawn(
            (*PREFIX, sys.executable, "-m", "paas.backup", role, str(descriptor)),
            stdout=files.output,
            stderr=subprocess.PIPE,
            env=failpoints.handed_on(),
            cwd=PROGRAM,
            pass_fds=handed,
        )
    console.on_cancel(child.kill)
    assert child.stderr is not None  # noqa: S101 - a pipe was asked for
    with child, child.stderr:
        outcome = listen(child.stderr, console)
    console.check_cancelled()
    return outcome.result(child.returncode)


@contextmanager
def memory_file(data: bytes) -> Iterator[int]:
    """A descriptor of a file that is nowhere, with the data in it, to be read from its begin."""
    descriptor = os.memfd_create("order", os.MFD_CLOEXEC)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(slots=True)
class Outcome:
    """What a worker said last."""

    done: dict[str, Any] | None = None
    error: PaasError | None = None
    last_words: str = ""

    def result(self, status: int) -> dict[str, Any]:
        """Its result; PaasError when there is none."""
        if self.error is not None:
            raise self.error
        if self.done is None or status:
            how = f"by {signal_name(-status)}" if status < 0 else f"with status {status}"
            log.error("a worker ended %s: %s", how, self.last_words)
            raise PaasError(
                f"it ended early, {how}", "the daemon's log has its last words; then do it again"
            )
        return self.done


def listen(stream: IO[bytes], console: Console) -> Outcome:
    """Pass on what a worker says, to its end."""
    outcome = Outcome()
    strange: list[str] = []
    for line in stream:
        words = said(line)
        if words is None:
            strange = [*strange, line.decode(errors="replace").rstrip()][-LAST_WORDS:]
        elif "step" in words:
            console.step(words["step"])
        elif "detail" in words:
            console.detail(words["detail"])
        elif "error" in words:
            one = words["error"]
            outcome.error = PaasError(one["message"], one["hint"], exit_code=one["exit"])
        elif "done" in words:
            outcome.done = words["done"]
    outcome.last_words = "\n".join(strange)
    return outcome


def said(line: bytes) -> dict[str, Any] | None:
    """A line of a report; None for anything else, such as a traceback."""
    try:
        words = json.loads(line)
    except ValueError:
        return None
    return words if isinstance(words, dict) else None
