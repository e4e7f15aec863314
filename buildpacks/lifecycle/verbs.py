"""Programs of the bench: one verb each time, its options from the daemon, as a file of JSON."""

import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from lifecycle import results
from lifecycle.say import Failure

RESULT, OPTIONS = "/result", "/config/options.json"


def run(
    argv: list[str],
    verbs: Mapping[str, tuple[str, str]],
    words: tuple[str, str, str],
    *,
    into: str = "",
) -> int:
    """Run a verb, which is a function of a module; the exit status.

    words: what is said when it is too large, what could not be done, and to what. into: the
    result that verbs return, where they do not write theirs themselves.
    """
    too_large, could_not, subject = words
    os.umask(0o022)
    try:
        module, name = verbs[argv[0]]
        work: Callable[[dict[str, Any]], Any] = getattr(import_module(module), name)
        with open(OPTIONS) as file:
            found = work(json.load(file))
        if into:
            results.write(RESULT, into, found)
    except Failure as failure:
        return failed(failure)
    except (RecursionError, MemoryError):
        return failed(Failure(too_large))
    except OSError as error:
        reason = f"{error.filename or subject}: {error.strerror or error}"
        return failed(Failure(f"{could_not}: {reason}"))
    return 0


def failed(failure: Failure) -> int:
    """The daemon says it."""
    results.write(RESULT, "error", {"message": failure.message, "hint": failure.hint})
    return 1
