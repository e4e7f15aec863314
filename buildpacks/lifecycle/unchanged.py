"""Times of files as compilers want them that go by times: cargo, make and their like.

Every file of a push has the time of its commit, which may be before or after the last
build's. Here a file gets the time of the build that first saw its content: what did
not change is not compiled again, and what did change is, however old its commit.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator


def settle(root: str, record: str) -> None:
    """Set the times of all files below root by what the record says of the builds before."""
    known = read(record)
    now = int(time.time())
    found = {}
    for path in files(root, ""):
        digest = content(os.path.join(root, path))
        before = known.get(path)
        at = before[1] if before and before[0] == digest else now
        found[path] = [digest, at]
        os.utime(os.path.join(root, path), (at, at))
    os.makedirs(os.path.dirname(record), exist_ok=True)
    with open(f"{record}.new", "w") as file:
        json.dump(found, file)
    os.replace(f"{record}.new", record)


def read(record: str) -> dict[str, list]:  # type: ignore[type-arg]
    """The record; none when there is none, or when it is not ours."""
    try:
        with open(record) as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def files(root: str, folder: str) -> Iterator[str]:
    """Paths of all regular files of the source, relative to root."""
    for item in os.scandir(os.path.join(root, folder)):
        path = os.path.join(folder, item.name)
        if item.is_dir(follow_symlinks=False):
            if path != ".heroku":
                yield from files(root, path)
        elif item.is_file(follow_symlinks=False):
            yield path


def content(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]
