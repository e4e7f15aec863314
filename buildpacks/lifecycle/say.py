"""What a build tells its user, and the one way it fails.

Written straight to standard output, unbuffered, so that our lines and those of
the tools we start keep their order.
"""

import os

target: int | None = 1


class Failure(Exception):
    """A build that cannot go on: one line of cause, one line of remedy.

    certain: the cause is in the app's files, so trying again another way is of no use.
    """

    def __init__(self, message: str, hint: str = "", *, certain: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.certain = certain


def step(text: str) -> None:
    """A heading."""
    line(f"-----> {text}")


def detail(text: str) -> None:
    """A line below a heading."""
    line(f"       {text}")


def warning(text: str) -> None:
    """Something the user should change, though the build goes on."""
    line(f" !     {text}")


def line(text: str) -> None:
    write(text.encode(errors="surrogateescape") + b"\n")


def write(data: bytes) -> None:
    """All of data, however much the pipe takes at once."""
    while data and target is not None:
        data = data[os.write(target, data) :]


def to(descriptor: int | None) -> None:
    """Speak to another descriptor from now on, or to nobody."""
    global target  # noqa: PLW0603 - a process has one standard output
    target = descriptor
