"""Stops an instance, and takes away everything that quickstart and the daemon made.

Touches: what the rooms of setup touch; the engine's, proxy's and network's objects go
through `python -m paas halt`, which knows them.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from paas.command import Runner
from paas.setup import background, environment, leftovers, links, packages
from paas.setup.instance import Instance

Say = Callable[[str], None]


def stop(instance: Instance, runner: Runner, say: Say) -> None:
    """End the daemon, every container, the proxy and the name service. State stays."""
    ended = background.stop(instance, runner)
    say("daemon ended" if ended else "the daemon was not running")
    if environment.PYTHON.exists():
        argv = (str(environment.PYTHON), "-m", "paas", "halt")
        done = runner.run(argv, env=instance.variables, cwd=environment.CHECKOUT, timeout_s=300)
        for line in done.text.splitlines():
            say(line)


def remove(instance: Instance, runner: Runner, say: Say) -> list[str]:
    """Undo everything, state included; returns what is left all the same, in words."""
    record = instance.record()
    stop(instance, runner, say)
    for place in (instance.settings.run_dir, instance.settings.state_dir):
        shutil.rmtree(place, ignore_errors=True)
    remove_cgroups(instance)
    if instance.is_default:
        remove_from_system(runner, say)
    if record.settings_file:
        forget_settings(Path(record.settings_file))
    if record.key:
        say(f"the key {record.key} was made on the way and stays: other places may know it")
    left = leftovers.find(instance.settings, runner)
    packages.remove(runner, record.packages, say)
    return left


def remove_cgroups(instance: Instance) -> None:
    """The instance's own control groups, which the halted engine keeps; never one in use."""
    for top in leftovers.cgroups(instance.settings):
        for group in (
            *(path for path in sorted(top.rglob("*"), reverse=True) if path.is_dir()),
            top,
        ):
            with suppress(OSError):  # busy: the look at the end will tell
                group.rmdir()


def remove_from_system(runner: Runner, say: Say) -> None:
    """What only the machine's own instance has: unit, links, environment."""
    background.remove_unit(runner)
    links.remove()
    environment.remove()
    say(f"unit, links and {environment.VENV} removed")


def forget_settings(path: Path) -> None:
    """The settings file that quickstart wrote, and its directory if it is empty now."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
