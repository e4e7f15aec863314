"""Import: an image is fetched, judged, and unpacked into one directory a layer."""

import os
from typing import Any

from lifecycle import results, say

from images import fetch, layout, untar

FOLDER = "/work/image"
OUT = "/out"
RESULT = "/result"


def import_image(options: dict[str, Any]) -> None:
    """Everything of one image, for the daemon to take over; see `result` for what it is told."""
    fetched = fetch.fetch(options["source"], FOLDER, options["bytes"])
    image = layout.read(FOLDER)
    budget = untar.Budget(options["bytes"], options["entries"])
    layers = []
    for number, blob in enumerate(image.blobs):
        reused = blob.digest in fetched.reused
        if not reused:
            say.detail(f"Unpacking layer {number + 1}")
        layers.append(unpacked(FOLDER, number, blob, budget, reused=reused))
    results.write(
        RESULT,
        "image",
        {"digest": fetched.digest or image.digest, "config": image.config, "layers": layers},
    )


def unpacked(
    folder: str, number: int, blob: layout.Blob, budget: untar.Budget, *, reused: bool
) -> dict[str, Any]:
    """One layer of an image whose blobs are in a folder, in /out/<number>.

    Nothing is there when the daemon has it already.
    """
    said = {"digest": blob.digest, "diff_id": blob.diff_id, "reused": reused, "opaque": []}
    if reused:
        return said
    target = os.path.join(OUT, str(number))
    os.mkdir(target, 0o755)
    with layout.opened(folder, blob, budget.left_bytes) as stream:
        opaque = untar.unpack(stream, target, budget)
    return {**said, "opaque": opaque}
