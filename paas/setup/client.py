"""Speaks to the instance's daemon as a person would: through bin/paas.

Touches: children through the Runner.
"""

from collections.abc import Callable

from paas.command import Runner
from paas.errors import PaasError
from paas.setup.children import follow
from paas.setup.environment import CHECKOUT
from paas.setup.instance import Instance


class Client:
    """The thin client, for one instance."""

    def __init__(self, instance: Instance, runner: Runner) -> None:
        self.instance = instance
        self.runner = runner

    def ask(self, *words: str, stdin: bytes = b"", check: bool = True) -> str:
        """A command's output; PaasError with its own sentence when it fails, "" if not check."""
        argv = (str(CHECKOUT / "bin" / "paas"), *words)
        done = self.runner.run(
            argv, stdin=stdin, env=self.instance.variables, check=False, timeout_s=300
        )
        if done.status == 0:
            return done.text
        if not check:
            return ""
        said = [line.lstrip(" !") for line in done.stderr.decode(errors="replace").splitlines()]
        raise PaasError(" ".join(said) or f"paas {words[0]} exited with {done.status}")

    def follow(self, *words: str, say: Callable[[str], None]) -> None:
        """A command that takes its time, each of its lines handed to say; CommandFailed."""
        argv = (str(CHECKOUT / "bin" / "paas"), *words)
        follow(self.runner, argv, say, env=self.instance.variables)

    def succeeds(self, *words: str) -> bool:
        """Whether a command exits with 0."""
        argv = (str(CHECKOUT / "bin" / "paas"), *words)
        env = self.instance.variables
        return self.runner.run(argv, env=env, check=False).status == 0
