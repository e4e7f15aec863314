"""Why an installer failed, in one line, from what it said."""

import re

from lifecycle import natives
from lifecycle.say import Failure

REMEDY_NAME = "correct the name in your dependency file, or tell uv where to find it (UV_INDEX)"
# uv's sentences, most telling first: pattern, cause, remedy
UV: tuple[tuple[str, str, str], ...] = (
    (
        r"Because (\S+) was not found in the package registry",
        "the package {0} does not exist in the package index",
        REMEDY_NAME,
    ),
    (
        r"Because there (?:is no version|are no versions) of (\S+)",
        "there is no release of {0} in the package index",
        "ask for a version that exists",
    ),
    (
        r"Because the requested Python version \((\S+?)\) does not satisfy Python(\S+)",
        "the project wants Python {1}, but Python {0} is in use",
        "choose a fitting version in .python-version, or change requires-python",
    ),
    (
        (
            r"The requested interpreter resolved to Python (\S+), which is incompatible with "
            r"the project's Python requirement: `([^`]+)`"
        ),
        "the project wants Python {1}, but Python {0} is in use",
        "choose a fitting version in .python-version, or change requires-python",
    ),
    (
        r"Because (?:only )?((?:pywin32|pywinpty|pypiwin32|pythonnet|windows-curses|wmi)\S*) has",
        "{0} does not exist for Linux",
        "take it out, or write in its line: ; sys_platform == 'win32'",
    ),
    (
        (
            r"Because (?:only )?(\S+) has no wheels with a matching Python "
            r"(?:ABI|implementation|version) tag"
        ),
        "{0} has no build for this version of Python",
        "ask for a newer version of it, or another Python in .python-version",
    ),
    (
        r"Because (?:only )?(\S+) has no wheels with a matching platform tag",
        "{0} does not exist for Linux",
        "for Windows only? write in its line: ; sys_platform == 'win32'",
    ),
    (
        r"Couldn't parse requirement in `([^`]+)` at position (\d+)",
        "{0} has a line that is not a requirement",
        "correct the line shown above",
    ),
    (
        (
            r"(?:Error parsing|error: Unsupported|Unexpected '.+', expected).*?"
            r"`?((?:\S+/)?requirements\S*?\.txt)`?"
        ),
        "{0} has a line that is not a requirement",
        "correct the line shown above",
    ),
    (
        r"The lockfile at `uv.lock` needs to be updated|uv\.lock. is outdated",
        "uv.lock does not fit pyproject.toml",
        "run uv lock, and commit uv.lock",
    ),
    (
        r"Failed to parse `?(?:.*/)?(uv\.lock|pyproject\.toml)`?",
        "{0} cannot be read",
        "correct the line shown above; for uv.lock: run uv lock and commit it",
    ),
    (
        r"Hash mismatch for `?([^`\s]+)`?",
        "{0} is not the file its hash was made from",
        "make the lock file or the hashes anew",
    ),
    (
        r"No file/folder found for package ([\w.-]+)",
        "poetry was to install the project itself, but there is no folder named {0} or src/{0}",
        "an app that is only run needs none: write package-mode = false below [tool.poetry]",
    ),
    (
        r"Multiple top-level (?:packages|modules) discovered in a flat-layout: (\[[^\]]*\])",
        "setuptools was to install the project itself, and cannot tell which of these it is: {0}",
        (
            "an app that is only run needs none: remove [build-system]; "
            "else name the packages below [tool.setuptools]"
        ),
    ),
    (
        (
            r"Unable to determine which files to ship inside the wheel.*?"
            r"matches the name of your project \((\w+)\)"
        ),
        "hatchling was to install the project itself, but there is no folder named {0}",
        (
            "an app that is only run needs none: remove [build-system]; "
            "else name the packages below [tool.hatch.build.targets.wheel]"
        ),
    ),
    (
        r"Expected a Python module at: `?(?:/app/)?([^`\s]+)",
        "uv was to install the project itself, but there is no {0}",
        "an app that is only run needs none: remove [build-system]",
    ),
    (
        r"Failed to (?:build|download and build) `([^`]+)`",
        "{0} has no ready build for this Python and could not be compiled",
        "use a version that comes as a wheel (for psycopg2: psycopg2-binary)",
    ),
    (
        r"(?:Failed to fetch|Request failed after|error sending request).*?(?:`([^`]+)`|$)",
        "the package index could not be reached",
        "try again; if it lasts, check the machine's network and proxy settings",
    ),
)
CONFLICT = re.compile(r"(?:╰─▶|[Cc]ause:) (Because .*?)(?:\n\s*\n|\n\s*hint:|\Z)", re.DOTALL)


MARK = re.compile(r"(?:Caused by|cause|error):\s*|╰─▶\s*")


def uv(output: str) -> Failure:
    """The Failure for what uv printed before it failed."""
    if failure := natives.missing(output):
        return failure
    flat = re.sub(r"\s+", " ", output)
    for pattern, cause, remedy in UV:
        if match := re.search(pattern, flat):
            words = [(group or "").rstrip(".,") for group in match.groups()]
            return Failure(cause.format(*words), remedy)
    if match := CONFLICT.search(output):
        reason = re.sub(r"\s+", " ", match[1]).strip()
        return Failure(
            f"the requirements contradict each other: {reason[:600]}",
            "loosen or change one of the versions named",
        )
    return Failure(
        f"installing failed: {last_cause(output)}", "see uv's lines above", certain=False
    )


def poetry(output: str) -> Failure:
    """The Failure for what poetry printed."""
    if re.search(r"pyproject\.toml changed significantly|lock file.* is not up to date", output):
        return Failure(
            "poetry.lock does not fit pyproject.toml", "run poetry lock, and commit poetry.lock"
        )
    if "No solution found" in output or "Failed to fetch" in output:
        return uv(output)
    return Failure(f"poetry failed: {last_cause(output)}", "see its lines above", certain=False)


def last_cause(output: str) -> str:
    """The innermost cause named, or the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = [line for line in lines if MARK.match(line)]
    line = (causes or lines or ["it said nothing"])[-1]
    return MARK.sub("", line)[:300]
