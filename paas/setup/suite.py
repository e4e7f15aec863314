"""What the test suite needs, and the checks of the code that run before it.

Touches: Debian packages, .venv, and the stack that test instances share, read-only.
"""

import os
from pathlib import Path

from paas.command import Runner
from paas.console import Console
from paas.doctor import programs
from paas.errors import PaasError
from paas.settings import Settings, environment
from paas.setup import environment as venv
from paas.setup import packages
from paas.setup.phases import Phases
from paas.setup.stack import ensure as ensure_stack
from paas.setup.together import together

# what only tests use, beside what an instance needs
TEST_PACKAGES = (
    "openssh-server",
    "curl",
    "wrk",
    "procps",
    "skopeo",
    "buildah",
    "umoci",
    "docker-registry",
    "rsyslog",
    "pebble",
    "busybox-static",
    "gcc",
    "libc6-dev",
)
PEER_PACKAGES = ("docker.io",)
CHECKOUT = venv.CHECKOUT
BIN = venv.VENV / "bin"
PYTEST = (str(BIN / "python"), "-m", "pytest")
# the whole suite: as many files side by side as there are processors
WHOLE = ("--numprocesses", "auto", "--dist", "loadfile")
SHARED_STACK = Path("/var/cache/paas/stack")
CHECKS = (
    (str(BIN / "ruff"), "check", "--quiet", "."),
    (str(BIN / "ruff"), "format", "--check", "--quiet", "."),
    (str(BIN / "mypy"),),
    (str(BIN / "lint-imports"), "--no-cache"),
)


def prepare(console: Console, more: tuple[str, ...] = ()) -> None:
    """Install what tests need, and more; make the stack they share."""
    if os.geteuid() != 0:
        raise PaasError("the tests make containers and networks, and you are not root", "use sudo")
    runner = Runner()
    phases = Phases(console)
    with phases.phase("packages", "Debian packages"):
        packages.install(runner, (*programs.packages(), *TEST_PACKAGES, *more), console.detail)
    with phases.phase("environment, stack", "Python environment and shared stack image"):
        together(
            lambda: venv.ensure(runner, venv.DEVELOPMENT_LOCK, console.detail),
            lambda: ensure_stack(runner, stack_variables(), console.detail),
        )
    for name, seconds in phases.table():
        console.detail(f"{name:<20}{seconds}")


def checks_pass(console: Console) -> bool:
    """Run every check of the code, all of them even when one fails."""
    passed = [check(argv, Runner(), console) for argv in CHECKS]
    return all(passed)


def check(argv: tuple[str, ...], runner: Runner, console: Console) -> bool:
    """Run one check and show what it objects to."""
    console.step(" ".join((Path(argv[0]).name, *argv[1:])))
    done = runner.run(argv, cwd=venv.CHECKOUT, env={"HOME": "/root"}, check=False, timeout_s=600)
    if done.status:
        console.write(done.stdout + done.stderr)
        console.warn(f"{Path(argv[0]).name} failed")
    return done.status == 0


def stack_dir() -> str:
    """The stack that test instances share: PAAS_STACK_DIR, or a place in /var/cache."""
    return environment("PAAS_STACK_DIR", str(SHARED_STACK))


def stack_variables() -> dict[str, str]:
    """Variables of an instance that is nothing but the shared stack."""
    return {"PAAS_STACK_DIR": stack_dir(), "PAAS_STACK_SUITE": Settings().stack_suite}


def variables() -> dict[str, str]:
    """What the tests need beside the caller's environment: where the shared stack is."""
    return {**stack_variables(), "PAAS_PYTHON": str(venv.PYTHON)}
