"""The verbs: archive, fetch, hostkeys. Their options come from the daemon, as a file of JSON."""

import json
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from lifecycle import results
from lifecycle.say import Failure

RESULT, OPTIONS = "/result", "/config/options.json"
VERBS = {
    "archive": ("sources.archive", "take"),
    "fetch": ("sources.remote", "fetch"),
    "hostkeys": ("sources.hostkeys", "ask"),
}


def main(argv: list[str]) -> int:
    """Run one verb; the exit status."""
    os.umask(0o022)
    try:
        module, name = VERBS[argv[0]]
        work: Callable[[dict[str, Any]], dict[str, Any]] = getattr(import_module(module), name)
        with open(OPTIONS) as file:
            results.write(RESULT, "source", work(json.load(file)))
    except Failure as failure:
        return failed(failure)
    except (RecursionError, MemoryError):
        return failed(Failure("what came in is too large or nested too deeply"))
    except OSError as error:
        reason = f"{error.filename or 'the source'}: {error.strerror or error}"
        return failed(Failure(f"the source could not be read: {reason}"))
    return 0


def failed(failure: Failure) -> int:
    """The daemon says it."""
    results.write(RESULT, "error", {"message": failure.message, "hint": failure.hint})
    return 1
