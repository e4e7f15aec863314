"""The whole examination, in the order a person wants to read it.

Touches: what the rooms it calls touch. Standard library only, so that it runs before
anything is installed.
"""

from paas.command import Runner
from paas.doctor import kernel, machine, programs
from paas.doctor.finding import Finding
from paas.settings import Settings


def before_installing(settings: Settings, runner: Runner) -> list[Finding]:
    """What no package can mend: the machine and its kernel."""
    return [*machine.examine(settings), *kernel.examine(settings, runner)]


def whole(settings: Settings, runner: Runner) -> list[Finding]:
    """Everything, programs and their versions included."""
    return [*before_installing(settings, runner), *programs.examine(runner)]
