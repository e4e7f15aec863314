"""Which Python an app asks for: .python-version, or Heroku's older runtime.txt."""

import os
import re
import sys

from lifecycle import say
from lifecycle.say import Failure

STACK = f"{sys.version_info.major}.{sys.version_info.minor}"
STACK_PATCH = f"{STACK}.{sys.version_info.micro}"
FOLDER = ".heroku/python"
VERSION = re.compile(r"(\d+)\.(\d+)(\.\d+)?")


class Wanted:
    """A version such as 3.13 or 3.12.4, and the file that asks for it, if any."""

    def __init__(self, text: str, file: str) -> None:
        self.full = text
        self.file = file
        self.minor = ".".join(text.split(".")[:2])
        self.in_stack = self.minor == STACK
        # patch releases of the stack's own version follow the stack
        self.text = STACK if self.in_stack else text


def wanted(root: str) -> Wanted:
    """The version asked for; the stack's when none is. Failure when it cannot be read."""
    for name in (".python-version", "runtime.txt"):
        path = os.path.join(root, name)
        if not os.path.isfile(path):
            continue
        with open(path, errors="replace") as file:
            lines = [line.split("#")[0].strip() for line in file]
        text = next((line for line in lines if line), "")
        return Wanted(parsed(text, name), name)
    return Wanted(STACK, "")


def parsed(text: str, name: str) -> str:
    number = text.removeprefix("python-").removeprefix("cpython-")
    if number == "3":
        return STACK
    if not VERSION.fullmatch(number):
        raise Failure(
            f"{name} says {text[:80]!r}, which is not a Python version",
            f"write a version such as {STACK} on its only line",
        )
    return number


def say_which(root: str) -> None:
    """One line on the Python in use and why."""
    choice = wanted(root)
    why = f"from {choice.file}" if choice.file else "the stack's; .python-version would choose"
    say.detail(f"Python {STACK_PATCH if choice.in_stack else choice.text} ({why})")
    if choice.in_stack and choice.full.count(".") == 2 and choice.full != STACK_PATCH:
        say.detail(f"{choice.file} asks for {choice.full}; the stack has {STACK_PATCH}")


def interpreter(root: str) -> str:
    """The app's Python: its virtual environment's, else the stack's."""
    path = os.path.join(root, ".venv/bin/python")
    return path if os.path.exists(path) else "/usr/bin/python3"


def base(choice: str) -> str:
    """The Python that a virtual environment is made from: the stack's, or the runtime layer's."""
    if choice == STACK:
        return "/usr/bin/python3"
    folder = os.path.join("/app", FOLDER)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name, "bin/python3")
        if name.startswith("cpython-") and os.path.exists(path):
            return path
    raise Failure(f"Python {choice} is not installed in the layer that should have it")
