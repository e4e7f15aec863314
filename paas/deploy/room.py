"""Room on the disk: what takes some is refused early when there is none, warned when it is little.

What frees space, and what keeps apps running (restarts, rollbacks), is never asked.
"""

from paas.console import Console
from paas.disk import DiskFull, Level
from paas.platform import Platform


def admit(platform: Platform, name: str, what: str, console: Console | None = None) -> None:
    """Return when there is room for what an app wants; PaasError, also in its log, when not.

    Space is freed first if need be. what: `the deploy`. console: is told when little is left.
    """
    try:
        state = platform.disk.admit(what)
    except DiskFull as error:
        if platform.store.apps.find(name) is not None:
            platform.logs.append(name, f"{error.message}; {error.hint}")
        raise
    if state.level is Level.LOW and console is not None:
        console.warn(state.words)
        console.warn(platform.disk.advice())
