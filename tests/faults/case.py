"""One fault: an operation meets it, and the world is looked at afterwards."""

import time
import traceback
from collections.abc import Callable

from tests.e2e.instance import Instance
from tests.faults import invariants
from tests.faults.operations import Operation
from tests.faults.stage import DEATH_S, Done, Stage, at_rest, died

SENTENCES = {"enospc": "the disk is full", "eio": "the disk failed"}
ACTIONS = ("enospc", "eio", "kill")


def arm(instance: Instance, text: str) -> None:
    instance.log_mark = (instance.root / "paasd.log").stat().st_size
    instance.ok("failpoints:arm", text)


def log(instance: Instance) -> str:
    """What the daemon has said since a failpoint was armed."""
    with (instance.root / "paasd.log").open("rb") as file:
        file.seek(instance.log_mark)
        return file.read().decode(errors="replace")


def sprung(instance: Instance, point: str) -> bool:
    """Wait until the failpoint has done what it was armed for; False when it never does."""
    deadline = time.monotonic() + DEATH_S / 2
    while f"failpoint {point}: " not in log(instance):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def meets(stage: Stage, operation: Operation, point: str, actions: tuple[str, ...]) -> list[str]:
    """What an operation that meets one fault after the other at a point breaks, in words."""
    problems = []
    stage.prober.take_failures()
    for action in actions:
        found = safely(fault, stage, operation, point, action)
        problems += [f"{operation.name}, {point}={action}: {one}" for one in found]
    found = safely(again, stage, operation)
    problems += [f"{operation.name} after {point}: {one}" for one in found]
    return [*problems, log(stage.instance)] if problems else []


def safely(play: Callable[..., list[str]], stage: Stage, *arguments: object) -> list[str]:
    """What is wrong, also when it ended the play; whatever happened, a daemon runs afterwards."""
    try:
        return play(stage, *arguments)
    except Exception:  # noqa: BLE001 - the next case is still worth playing
        return [traceback.format_exc()]
    finally:
        process = stage.instance.process
        if process is None or process.poll() is not None:
            stage.instance.start()


def fault(stage: Stage, operation: Operation, point: str, action: str) -> list[str]:
    """I1 to I4 and I6, for an operation during which something happens once."""
    instance = stage.instance
    old, new = operation.prepare(stage)
    at_rest(stage)  # what was left to the background meets nothing
    arm(instance, f"{point}={action}")
    done = operation.run(stage)
    if not sprung(instance, point):
        return ["was never passed"]
    if action == "kill":
        died(instance)
        instance.start()
    else:
        instance.ok("failpoints:arm", "")
    problems = invariants.check(instance)
    problems += cause(done, action)
    problems += outcome(operation.now(stage), old, new, done)
    return problems + stage.prober.take_failures()


def cause(done: Done, action: str) -> list[str]:
    """I4: what failed for the disk says so in one line."""
    said = done.stderr.decode() + done.stdout.decode()
    if done.returncode == 0 or action not in SENTENCES:
        return []
    found = [line for line in said.splitlines() if SENTENCES[action] in line]
    return [] if len(found) == 1 else [f"the cause was named {len(found)} times: {said[-600:]}"]


def outcome(now: str, old: str, new: str, done: Done) -> list[str]:
    """I2: what was before, or what was wanted; that, when it was said to be done."""
    allowed = {new} if done.returncode == 0 else {old, new}
    return [] if now in allowed else [f"exit {done.returncode}, now {now}: {old} -> {new}"]


def again(stage: Stage, operation: Operation) -> list[str]:
    """I5: the same once more works, unless it was done after all."""
    _, new = operation.prepare(stage)
    done = operation.run(stage)
    if done.returncode:
        return [f"once more failed: {done.stderr.decode()[-600:]}"]
    now = operation.now(stage)
    problems = [] if now == new else [f"once more worked, now {now} instead of {new}"]
    return [*problems, *stage.prober.take_failures()]
