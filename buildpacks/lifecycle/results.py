"""What the build says to the daemon: small JSON files in /result."""

import json
import os


def write(directory: str, name: str, value: object) -> None:
    """Write one result, whole or not at all."""
    path = os.path.join(directory, f"{name}.json")
    with open(f"{path}.new", "wb") as file:
        # names that are not UTF-8 become question marks: the reader wants clean text
        file.write(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    os.replace(f"{path}.new", path)
