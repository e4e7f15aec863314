"""What the build says to the daemon: small JSON files in /result."""

import json
import os


def write(directory: str, name: str, value: object) -> None:
    """Write one result, whole or not at all."""
    path = os.path.join(directory, f"{name}.json")
    with open(f"{path}.new", "w", errors="surrogateescape") as file:
        json.dump(value, file)
    os.replace(f"{path}.new", path)
