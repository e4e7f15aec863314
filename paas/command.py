"""The only place that starts processes. Commands are argv tuples, made elsewhere.

Touches: subprocess. Never a shell; the child's environment is what the caller
gives, on top of a fixed PATH and locale, never the daemon's own.
"""

import logging
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paas.errors import CommandFailed, PaasError
from paas.priority import AFTER_APPS, lower, weigh_session

log = logging.getLogger(__name__)

CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
}

Stream = int | IO[bytes] | None
Child = subprocess.Popen[bytes]
DEVNULL = subprocess.DEVNULL


@dataclass(frozen=True, slots=True)
class Completed:
    """What a finished child left: its exit status (negative: a signal) and its output."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")


class Runner:
    """Runs children; a fake with the same methods stands in for it in unit tests."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float | None = 60,
        check: bool = True,
        pass_fds: Sequence[int] = (),
    ) -> Completed:
        """Run a child to its end and capture its output.

        Raises CommandFailed on a non-zero status (when check), PaasError when
        the program is missing or did not end within timeout_s.
        """
        log.debug("run %s", argv)
        try:
            done = subprocess.run(  # noqa: S603 - argv tuples only, checked by their makers
                list(argv),
                input=stdin,
                capture_output=True,
                env={**CLEAN_ENVIRONMENT, **(env or {})},
                cwd=cwd,
                timeout=timeout_s,
                check=False,
                pass_fds=tuple(pass_fds),
            )
        except FileNotFoundError as error:
            raise missing(argv[0]) from error
        except subprocess.TimeoutExpired as error:
            raise PaasError(f"{argv[0]} did not finish within {timeout_s} s") from error
        result = Completed(tuple(argv), done.returncode, done.stdout, done.stderr)
        if check and result.status != 0:
            raise CommandFailed(result.argv, result.status, result.stderr.decode(errors="replace"))
        return result

    def spawn(
        self,
        argv: Sequence[str],
        *,
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = subprocess.DEVNULL,
        stderr: Stream = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int | None = None,
        pass_fds: Sequence[int] = (),
        prepare: Callable[[], None] | None = None,
        gently: bool = False,
    ) -> Child:
        """Start a child in its own session and return it; the caller waits for it.

        user, when given, is the uid and gid the child runs as, with no other groups.
        gently: it leaves processors and disks to others who want them. Every child goes after
        the apps and the proxy: what starts apps must not keep those from answering that serve.
        SIGINT and SIGPIPE are back at their defaults in the child.
        """
        log.debug("spawn %s", argv)
        try:
            child = subprocess.Popen(  # noqa: S603 - argv tuples only, checked by their makers
                list(argv),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={**CLEAN_ENVIRONMENT, **(env or {})},
                cwd=cwd,
                user=user,
                group=user,
                extra_groups=[] if user is not None else None,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                preexec_fn=prepare,  # noqa: PLW1509 - callers pass async-signal-safe work only
            )
        except FileNotFoundError as error:
            raise missing(argv[0]) from error
        if gently:
            lower(child.pid)
        else:
            weigh_session(child.pid, AFTER_APPS)
        return child


def missing(program: str) -> PaasError:
    """The error for a program that is not installed."""
    return PaasError(
        f"{Path(program).name} is not installed", "run paas doctor to see what is missing"
    )


def signal_name(number: int) -> str:
    """SIGKILL for 9; the bare number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
