"""What an examination of the machine says: one finding for each requirement.

Touches: nothing. Pure values and how they look as a table or as JSON.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Status(StrEnum):
    """ok: as it should be; warn: works, but worse than it could; fail: cannot work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement: its name, how it stands, what was found, and what to do about it."""

    name: str
    status: Status
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Finding:
    """The requirement is met."""
    return Finding(name, Status.OK, found)


def warn(name: str, found: str, remedy: str) -> Finding:
    """It works, with a drawback that the remedy takes away."""
    return Finding(name, Status.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Finding:
    """Nothing works until the remedy is applied."""
    return Finding(name, Status.FAIL, found, remedy)


def failures(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stand in the way."""
    return [finding for finding in findings if finding.status is Status.FAIL]


def as_json(findings: Sequence[Finding]) -> str:
    """A JSON list of objects with name, status, found and remedy."""
    return json.dumps([asdict(finding) for finding in findings], indent=2)


def as_lines(findings: Sequence[Finding]) -> list[str]:
    """An aligned line for each finding; a remedy stands on its own line below it."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<4}  {finding.name:<{width}}  {finding.found}".rstrip())
        if finding.remedy:
            lines.append(f"{'':4}  {'':<{width}}  -> {finding.remedy}")
    return lines


def summary(findings: Sequence[Finding]) -> str:
    """One line: how many of each kind."""
    counts = {status: sum(f.status is status for f in findings) for status in Status}
    return ", ".join(f"{counts[status]} {status}" for status in Status)
