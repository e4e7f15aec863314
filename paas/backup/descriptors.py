"""What rooms of files share: reading and writing descriptors whole, files without a name."""

import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

CHUNK = 1 << 20


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however often that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def temporary(directory: Path) -> IO[bytes]:
    """A file without a name: in the state directory, for it may hold secrets and be large."""
    return TemporaryFile(dir=directory)
