"""Passphrases: read from a file of root's own or from standard input, never from arguments."""

import os
import stat
from pathlib import Path

from paas.console import Console
from paas.errors import PaasError

LENGTH = 1024
SHORTEST = 8


def passphrase_in(path: Path) -> str:
    """The first line of a file that only its owner can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise PaasError(f"the passphrase file {path} cannot be read: {reason}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PaasError(f"the passphrase file {path} is not a file")
        if status.st_mode & 0o077:
            raise PaasError(
                f"others can read the passphrase file {path}", f"chmod 600 {path}, and change it"
            )
        return checked(os.read(descriptor, LENGTH + 1).partition(b"\n")[0])
    finally:
        os.close(descriptor)


def passphrase_given(console: Console) -> str:
    """The first line of standard input; what follows it is left there."""
    line = bytearray()
    while (byte := console.read(1)) not in (b"", b"\n"):
        line += byte
        if len(line) > LENGTH:
            break
    return checked(bytes(line))


def checked(data: bytes) -> str:
    """A passphrase, when it is one; it is never repeated in an error."""
    try:
        text = data.decode().rstrip("\r")
    except UnicodeDecodeError:
        raise PaasError("the passphrase is not text") from None
    if not SHORTEST <= len(text) <= LENGTH:
        raise PaasError(
            f"a passphrase has {SHORTEST} to {LENGTH:,} characters",
            "take a good one, such as five words",
        )
    return text
