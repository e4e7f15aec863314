"""Files of the engine's own: written so that nobody else may read them."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file that only the daemon's user may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
