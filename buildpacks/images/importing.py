"""Import: an image is fetched, judged, and unpacked into one directory a layer."""

import os
from typing import Any

from lifecycle import results, say

from images import fetch, layout, untar

FOLDER = "/work/image"
OUT = "/out"
RESULT = "/result"


def import_image(options: dict[str, Any]) -> int:
    """Everything of one image, for the daemon to take over; see `result` for what it is told."""
    fetched = fetch.fetch(options["source"], FOLDER, options["bytes"])
    image = layout.read(FOLDER)
    budget = untar.Budget(options["bytes"], options["entries"])
    layers = [
        unpacked(number, blob, budget, reused=blob.digest in fetched.reused)
        for number, blob in enumerate(image.blobs)
    ]
    results.write(
        RESULT,
        "image",
        {"digest": fetched.digest or image.digest, "config": image.config, "layers": layers},
    )
    return 0


def unpacked(
    number: int, blob: layout.Blob, budget: untar.Budget, *, reused: bool
) -> dict[str, Any]:
    """One layer in /out/<number>, or nothing there when the daemon has it already."""
    said = {"digest": blob.digest, "diff_id": blob.diff_id, "reused": reused, "opaque": []}
    if reused:
        return said
    target = os.path.join(OUT, str(number))
    os.mkdir(target, 0o755)
    say.detail(f"Unpacking layer {number + 1}")
    with layout.opened(FOLDER, blob, budget.left_bytes) as stream:
        opaque = untar.unpack(stream, target, budget)
    return {**said, "opaque": opaque}
