"""Failpoints: named places where a test has the daemon die, fail or wait.

Off in production, where a point costs one comparison. PAAS_FAILPOINTS allows them:
`on`, or what to arm at once. Touches: signals to this very process.
"""

import errno
import logging
import os
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass

from paas.errors import PaasError

log = logging.getLogger(__name__)

FORM = re.compile(
    r"(?P<name>[a-z]+\.[a-z]+)=(?P<action>kill|enospc|eio|hold|delay:[0-9.]+)"
    r"(?:@(?P<first>[0-9]+))?(?P<on>\+)?"
)
ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}
HOLD_S = 120.0  # who had it wait may have come to grief


@dataclass(slots=True)
class Trap:
    """What happens at a point: from the first-th time on, once, or every time when on."""

    action: str
    first: int
    on: bool
    passed: int = 0

    def springs(self) -> bool:
        """Count one passing; whether it is one that something happens to."""
        self.passed += 1
        return self.passed == self.first or (self.on and self.passed > self.first)


# None in production: nothing below is ever asked for
_armed: dict[str, Trap] | None = None
_passed: Counter[str] = Counter()
_changed = threading.Condition()  # also the lock of both


def failpoint(name: str) -> None:
    """A place where a test may have something happen; OSError for a disk that fails."""
    if _armed is not None:
        spring(name)


def allow(text: str) -> None:
    """Take the value of PAAS_FAILPOINTS at the daemon's start; nothing is armed for ""."""
    global _armed  # noqa: PLW0603 - one switch for the process
    if text:
        log.warning("failpoints are allowed: this is no instance for production")
        _armed = {}
        arm("" if text == "on" else text)


def arm(text: str) -> None:
    """Arm `name=action` entries, parted by `;`, in place of what was armed before.

    Actions: kill, enospc, eio, delay:SECONDS, hold (until the next arming); `@3` waits for
    the third passing, `+` goes on from there. Raises PaasError when failpoints are off or
    the text makes no sense.
    """
    traps = parse(text)
    if _armed is None:
        raise PaasError("failpoints are off", "start the daemon with PAAS_FAILPOINTS=on")
    with _changed:
        _armed.clear()
        _armed.update(traps)
        _passed.clear()
        _changed.notify_all()


def passed() -> dict[str, int]:
    """How often each point was passed since something, or nothing, was armed."""
    with _changed:
        return dict(_passed)


def handed_on() -> dict[str, str]:
    """What a child of ours needs in its environment to have the same failpoints armed."""
    if _armed is None:
        return {}
    with _changed:
        entries = [
            f"{name}={trap.action}@{trap.first}{'+' * trap.on}" for name, trap in _armed.items()
        ]
    return {"PAAS_FAILPOINTS": ";".join(entries) or "on"}


def parse(text: str) -> dict[str, Trap]:
    """Traps by the name of their point."""
    traps = {}
    for entry in filter(None, text.split(";")):
        found = FORM.fullmatch(entry)
        if found is None:
            raise PaasError(f"{entry[:80]!r} is no failpoint", "write: route.publish=kill")
        traps[found["name"]] = Trap(found["action"], int(found["first"] or 1), bool(found["on"]))
    return traps


def spring(name: str) -> None:
    """Do what is armed here."""
    with _changed:
        _passed[name] += 1
        trap = _armed.get(name) if _armed is not None else None
        if trap is None or not trap.springs():
            return
    log.warning("failpoint %s: %s", name, trap.action)
    if trap.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif trap.action in ERRORS:
        number = ERRORS[trap.action]
        raise OSError(number, os.strerror(number), f"failpoint {name}")
    elif trap.action == "hold":
        hold(name, trap)
    else:
        time.sleep(float(trap.action.partition(":")[2]))


def hold(name: str, trap: Trap) -> None:
    """Wait until something else, or nothing, is armed."""
    with _changed:
        _changed.wait_for(lambda: (_armed or {}).get(name) is not trap, HOLD_S)
