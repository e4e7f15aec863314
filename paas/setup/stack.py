"""Has the stack image made: the Debian every app stands on.

Touches: a child that runs the room which makes it. That room uses the standard library
only, so it runs beside the installation of the Python environment.
"""

from collections.abc import Callable, Mapping

from paas.command import Runner
from paas.setup.children import follow, network_environment
from paas.setup.environment import CHECKOUT, SYSTEM_PYTHON

MAKE = (SYSTEM_PYTHON, "-m", "paas.image", "ensure-stack")


def ensure(runner: Runner, variables: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Make what is missing of the stack that the variables' settings name; quick when whole."""
    env = {**variables, **network_environment()}
    follow(runner, MAKE, say, env=env, cwd=CHECKOUT)
