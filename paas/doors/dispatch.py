"""What a door needs to know of the commands: one callable, and who is being served now.

Sessions is how the daemon stops politely: deploys may finish, everything else is told
to end. Touches nothing but threads.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from paas.console import Console
from paas.errors import PaasError
from paas.model.caller import Caller

log = logging.getLogger(__name__)

# commands.table.dispatch with the platform already given: who asks, what, on which streams
Dispatch = Callable[[Caller, Sequence[str], Console], int]


def say(console: Console, error: PaasError) -> int:
    """Tell the caller what failed and what to do next; returns the exit code."""
    console.warn(error.message)
    if error.hint:
        console.warn(error.hint)
    return error.exit_code


# commands that deploy without a push
DEPLOYS = frozenset(("deploy", "git:from-archive", "git:from-image", "git:load-image", "git:sync"))


def deploys(words: Sequence[str]) -> bool:
    """Whether a command is a deploy: it is given time when the daemon stops."""
    name = next((word for word in words if not word.startswith("--")), "")
    return name in DEPLOYS


@dataclass(eq=False, slots=True)
class Serving:
    """One caller being served; deploying ones are given time when the daemon stops."""

    console: Console
    deploying: bool


class Sessions:
    """Everybody being served now, through any door."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._serving: set[Serving] = set()

    @contextmanager
    def serving(self, console: Console, *, deploying: bool) -> Iterator[None]:
        """Count a caller for as long as the block runs."""
        one = Serving(console, deploying)
        with self._changed:
            self._serving.add(one)
        try:
            yield
        finally:
            with self._changed:
                self._serving.discard(one)
                self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._serving)

    def cancel(self, *, deploying: bool) -> None:
        """Tell callers that it is over: all, or all but deploys."""
        with self._changed:
            chosen = [one for one in self._serving if deploying or not one.deploying]
        for one in chosen:
            one.console.dismiss()

    def wait(self, timeout_s: float) -> bool:
        """Wait until nobody is served; False when somebody still is after timeout_s."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._serving:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return not self._serving
        return True
