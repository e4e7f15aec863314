"""A stack made once for all tests, and a container-like way into a root filesystem."""

from collections.abc import Callable
from pathlib import Path

import pytest

from paas.command import Completed, Runner
from paas.image.stack import Stack
from tests.conftest import own_settings


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The shared test stack, made when it is not there yet."""
    made = Stack(own_settings(), Runner())
    made.ensure(lambda _: None)
    return made


@pytest.fixture
def run_in() -> Callable[..., Completed]:
    """Run argv with a directory as its root, as root of a user namespace from uid_base on."""

    def run(root: Path, *argv: str, **options: object) -> Completed:
        apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
        command = (*apart, f"--root={root}", "--mount-proc", "--", *argv)
        return Runner().run(command, **options)  # type: ignore[arg-type]

    return run
