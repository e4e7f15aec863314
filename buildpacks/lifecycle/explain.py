"""Why a tool failed, in one line, from what it said: tables of pattern, cause and remedy."""

import re
from collections.abc import Sequence

from lifecycle import natives
from lifecycle.say import Failure

# {0}, {1}, ... of cause and remedy are the pattern's groups
Reason = tuple[str, str, str]


def tool(name: str, output: str, reasons: Sequence[Reason], mark: str = "") -> Failure:
    """The Failure for what a tool printed: a missing library of the system, the first reason
    that fits, or else the tool's own words: the first line like mark, or its last one.
    """
    if failure := natives.missing(output) or known(output, reasons):
        return failure
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    telling = [line for line in lines if mark and re.match(mark, line)]
    words = (telling or lines[-1:])[0]
    return Failure(f"{name} failed: {words[:300]}", "see its lines above", certain=False)


def known(output: str, reasons: Sequence[Reason]) -> Failure | None:
    """The Failure for the first reason whose pattern is in the output."""
    for pattern, cause, remedy in reasons:
        if match := re.search(pattern, output, re.MULTILINE):
            words = [(group or "").strip().rstrip(".:;,") for group in match.groups()]
            return Failure(cause.format(*words)[:600], remedy.format(*words))
    return None
