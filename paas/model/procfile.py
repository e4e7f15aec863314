"""The Procfile's grammar: which processes an app has and how each one starts.

Pure: text in, mapping out. Stricter than most parsers on purpose: a line that
would be skipped in silence elsewhere is an error that names it.
"""

import re

from paas.errors import PaasError
from paas.model.names import PROCESS

RELEASE = "release"  # runs once in the new image before any switch; never scaled
LINE = re.compile(r"(?P<name>[^\s:]+)[ \t]*:(?P<command>.*)")
EXAMPLE = "a line has the form: web: gunicorn app:app --bind 0.0.0.0:$PORT"


def parse(text: str) -> dict[str, str]:
    """Process types and their commands, in the file's order.

    Empty lines and lines beginning with # are skipped; a byte order mark, CRLF
    line ends and space around name and command are accepted. Names are RFC 1123
    labels, as dokku wants them. Raises PaasError naming the line's number and text.
    """
    processes: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, command = process(number, stripped)
        if name in processes:
            raise wrong(number, stripped, f"declares {name} a second time", "keep one of the two")
        processes[name] = command
    return processes


def process(number: int, line: str) -> tuple[str, str]:
    """Name and command of one line."""
    match = LINE.fullmatch(line)
    if match is None:
        raise wrong(number, line, "is not of the form name: command", EXAMPLE)
    name, command = match["name"], match["command"].strip()
    if not PROCESS.fullmatch(name):
        raise wrong(
            number,
            line,
            f"has the name {name[:80]!r}, which is not allowed",
            "use lower-case letters, digits and dashes, at most 63, such as web or worker",
        )
    if not command:
        raise wrong(number, line, f"gives {name} no command", EXAMPLE)
    if any(ord(character) < 32 and character != "\t" for character in command):
        raise wrong(number, line, "has a control character in it", "remove it and commit again")
    return name, command


def wrong(number: int, line: str, reason: str, hint: str) -> PaasError:
    """The error for one line; its text is quoted, bounded and without control characters."""
    quoted = "".join(character if character.isprintable() else "?" for character in line[:120])
    return PaasError(f"Procfile line {number} {reason}: {quoted}", hint)
