"""The verbs: what is done to images, and with Cloud Native Buildpacks.

Their options come from the daemon, as a file of JSON.
"""

import json
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from lifecycle import results
from lifecycle.say import Failure

RESULT, OPTIONS = "/result", "/config/options.json"
VERBS = {
    "build": ("images.building", "build"),
    "login": ("images.pushing", "login"),
    "push": ("images.pushing", "push"),
    "import": ("images.importing", "import_image"),
    "cnb-build": ("cnb.building", "build"),
    "cnb-install": ("cnb.install", "install"),
}


def main(argv: list[str]) -> int:
    """Run one verb; the exit status."""
    os.umask(0o022)
    try:
        module, name = VERBS[argv[0]]
        work: Callable[[dict[str, Any]], int] = getattr(import_module(module), name)
        with open(OPTIONS) as file:
            return work(json.load(file))
    except Failure as failure:
        return failed(failure)
    except (RecursionError, MemoryError):
        return failed(Failure("the image is too large or nested too deeply"))
    except OSError as error:
        reason = f"{error.filename or 'the image'}: {error.strerror}"
        return failed(Failure(f"the image could not be worked on: {reason}"))


def failed(failure: Failure) -> int:
    """The daemon says it."""
    results.write(RESULT, "error", {"message": failure.message, "hint": failure.hint})
    return 1
