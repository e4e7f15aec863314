"""Every failpoint in the code, read from the code, and which of them an operation passes."""

import json
import re
import time
from pathlib import Path

from tests.faults.case import arm
from tests.faults.operations import Operation
from tests.faults.stage import Stage

PROGRAM = Path(__file__).resolve().parents[2] / "paas"
CALL = re.compile(r'\bfailpoint\("([a-z]+\.[a-z]+)"\)')
# passed in the background, once the operation is over
RETIRED = "retire.stopped"
RETIRING = ("push", "config", "rollback", "restart", "scale down", "rename")
PATIENCE_S = 30.0


def in_code() -> set[str]:
    return {name for path in PROGRAM.rglob("*.py") for name in CALL.findall(path.read_text())}


def passed_by(stage: Stage, operation: Operation) -> dict[str, int]:
    """How often an operation passes each point; it is done once for that."""
    operation.prepare(stage)
    arm(stage.instance, "")
    done = operation.run(stage)
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found: dict[str, int] = json.loads(stage.instance.ok("failpoints:passed"))
        if RETIRED in found or operation.name not in RETIRING or time.monotonic() > deadline:
            return found
        time.sleep(0.05)
