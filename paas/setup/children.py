"""Runs the programs that setting up needs, as root or as the calling user, showing progress.

Touches: children through the Runner.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from paas.command import Runner
from paas.errors import CommandFailed
from paas.settings import environment

# what a machine behind a proxy or a private certificate authority needs passed on
PASSED_ON = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT",
)  # fmt: skip


def network_environment() -> dict[str, str]:
    """The caller's variables that say how to reach the world."""
    return {key: value for key in PASSED_ON if (value := environment(key))}


def as_user(user: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The same command run as a user; as it is for root."""
    return tuple(argv) if user == "root" else ("runuser", "-u", user, "--", *argv)


def follow(
    runner: Runner,
    argv: Sequence[str],
    say: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a child and hand every line it prints to say; CommandFailed with its last words."""
    last: list[str] = []
    child = runner.spawn(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=cwd)
    if child.stdout is not None:
        for raw in child.stdout:
            line = raw.decode(errors="replace").rstrip()
            last = [*last, line][-20:]
            say(line)
    if status := child.wait():
        raise CommandFailed(tuple(argv), status, "\n".join(last))
