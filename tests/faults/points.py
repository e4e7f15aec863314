"""Every failpoint in the code, read from the code, and the operation that passes it."""

import re
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "paas"
CALL = re.compile(r'\bfailpoint\("([a-z]+\.[a-z]+)"\)')
# what passes a point; all others are on a push's way
OPERATIONS = {
    "backup": "backup",
    "clone": "clone",
    "collect": "gc",
    "create": "create",
    "ending": "destroy",
    "merge": "gc",
    "moving": "rename",
    "restore": "restore",
}
# passed in the background: the push may well succeed
AFTERWARDS = ("retire.",)


def all_points() -> list[str]:
    found = {name for path in PROGRAM.rglob("*.py") for name in CALL.findall(path.read_text())}
    return sorted(found)


def of(operation: str) -> list[str]:
    return [
        point
        for point in all_points()
        if OPERATIONS.get(point.partition(".")[0], "push") == operation
    ]
