"""Text of an app's files."""

import os


def read(root: str, name: str) -> str:
    """A file's text; "" when there is none."""
    path = os.path.join(root, name)
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        return file.read()
