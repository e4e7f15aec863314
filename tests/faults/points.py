"""Every failpoint in the code, read from the code, and which of them an operation passes."""

import json
import re
from pathlib import Path

from tests.faults.case import arm
from tests.faults.operations import Operation
from tests.faults.stage import Stage, at_rest

PROGRAM = Path(__file__).resolve().parents[2] / "paas"
CALL = re.compile(r'\bfailpoint\("([a-z]+\.[a-z]+)"\)')


def in_code() -> set[str]:
    return {name for path in PROGRAM.rglob("*.py") for name in CALL.findall(path.read_text())}


def passed_by(stage: Stage, operation: Operation) -> dict[str, int]:
    """How often an operation passes each point, also in the background after its end.

    It is done once for that; what an earlier one left to the background is waited for.
    """
    operation.prepare(stage)
    at_rest(stage)
    arm(stage.instance, "")
    done = operation.run(stage)
    assert done.returncode == 0, done.stderr
    at_rest(stage)
    found: dict[str, int] = json.loads(stage.instance.ok("failpoints:passed"))
    return found
