"""checks: how a new version is judged healthy before it gets requests."""

import re
from collections.abc import Callable

from paas.commands import report
from paas.errors import UsageError

AFTER = "The next deploy or restart takes it"


def path(text: str) -> str:
    """A path for an HTTP request line: nothing in it may end the line or begin another."""
    if re.fullmatch(r"/[!-~]{0,1023}", text):
        return text
    raise UsageError(f"{text[:80]!r} is not a path", "a path begins with / and has no spaces")


def number(least: int, most: int, unit: str) -> Callable[[str], str]:
    """A rule: whole numbers within bounds."""

    def rule(text: str) -> str:
        if re.fullmatch(r"\d{1,6}", text, re.ASCII) and least <= int(text) <= most:
            return str(int(text))
        raise UsageError(f"{text[:80]!r} is not a number of {unit} from {least} to {most}")

    return rule


report.register(
    report.Namespace(
        "checks",
        "checks",
        "how a new version is judged healthy",
        properties=(
            report.Property(
                "path",
                "what an HTTP GET must answer with a status below 400; unset: any answer will do",
                path,
                has_global=False,
            ),
            report.Property("content", "text the answer must have in it", str, has_global=False),
            report.Property(
                "timeout",
                "seconds to wait for an answer",
                number(1, 3600, "seconds"),
                lambda context: f"{context.platform.settings.check_timeout_s:g}",
                has_global=False,
            ),
            report.Property(
                "attempts",
                "how often to ask before giving up",
                number(1, 1000, "attempts"),
                lambda context: str(context.platform.settings.check_attempts),
                has_global=False,
            ),
            report.Property(
                "wait",
                "seconds between two attempts",
                number(0, 3600, "seconds"),
                lambda context: f"{context.platform.settings.check_wait_s:g}",
                has_global=False,
            ),
        ),
        after_set=AFTER,
    )
)
