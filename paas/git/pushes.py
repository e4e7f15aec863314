"""The pushes under way: what a hook's token stands for. In memory, gone with the daemon.

The SSH door registers a push before it starts git receive-pack; git's hook comes back
through the local door with the token, and the deploy learns who pushes to which app.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from paas.console import Console
from paas.errors import Cancelled, PaasError
from paas.model.caller import Caller


@dataclass(frozen=True, slots=True)
class Registered:
    """One push under way: whose, to which app, and the console of the connection it came by."""

    token: str
    app: str
    caller: Caller
    console: Console
    kept: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def actor(self) -> str:
        """The pusher's name, for the release's record."""
        return self.caller.name

    def on_cancel(self, listener: Callable[[], None]) -> None:
        """Have listener called when the pusher's connection goes away."""
        self.console.on_cancel(listener)

    @property
    def over(self) -> bool:
        """Whether git has moved the branch, or given up."""
        with _lock:
            return self.token not in _under_way

    def keep(self, turn: AbstractContextManager[object]) -> None:
        """Enter a context and leave it only when git has moved the branch, or given up."""
        with ExitStack() as entered:
            entered.enter_context(turn)
            with _lock:
                if self.token not in _under_way:
                    raise Cancelled("the pusher went away")
                self.kept.push(entered.pop_all())


@dataclass(eq=False, frozen=True, slots=True)
class Quiet:
    """A time in which no push of an app may be under way: end is called when one begins."""

    app: str
    end: Callable[[], None]
    over: threading.Event = field(default_factory=threading.Event)


YIELD_S = 30.0  # how long a push waits for a quiet time to end
_under_way: dict[str, Registered] = {}
_quiet: list[Quiet] = []
_lock = threading.Lock()


@contextmanager
def registered(app: str, caller: Caller, console: Console) -> Iterator[str]:
    """The token of a push, valid until the block ends."""
    push = Registered(secrets.token_urlsafe(24), app, caller, console)
    with _lock:
        _under_way[push.token] = push
        disturbed = [one for one in _quiet if one.app == app]
    for one in disturbed:
        one.end()
        one.over.wait(YIELD_S)
    try:
        yield push.token
    finally:
        with _lock:
            del _under_way[push.token]
        push.kept.close()


@contextmanager
def quiet(app: str, end: Callable[[], None]) -> Iterator[bool]:
    """Whether no push of the app is under way; if so, one that comes waits for the block's end.

    It has end called first, from its own thread, so that it does not wait for long.
    """
    time = Quiet(app, end)
    with _lock:
        free = not any(one.app == app for one in _under_way.values())
        if free:
            _quiet.append(time)
    try:
        yield free
    finally:
        with _lock:
            if free:
                _quiet.remove(time)
        time.over.set()


def under_way(app: str) -> bool:
    """Whether somebody pushes to an app now."""
    with _lock:
        return any(push.app == app for push in _under_way.values())


def cancel(app: str) -> list[str]:
    """End the pushes to an app under way, as if their clients had gone; whose they were."""
    with _lock:
        found = [push for push in _under_way.values() if push.app == app]
    for push in found:
        push.console.cancel()
    return [push.actor for push in found]


def find(token: str) -> Registered:
    """The push a token stands for, or PaasError: the hook was not started by the SSH door."""
    with _lock:
        push = _under_way.get(token)
    if push is None:
        raise PaasError(
            "this push did not come through the platform's SSH door, or it is already over",
            "push again: git push ssh://paas@<host>:<port>/<app> main",
        )
    return push
