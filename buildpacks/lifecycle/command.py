"""The lifecycle's command line, and where its failures become results."""

import json
import os
from typing import Any

from lifecycle import results
from lifecycle.packs import Place
from lifecycle.say import Failure

PLACE = Place(build_dir="/app", cache_dir="/cache", env_dir="/config")
RESULT_DIR = "/result"
SOURCE_DIR = "/tmp/source"
SWITCHES = ("--again", "--grown")


def main(argv: list[str]) -> int:
    """Run `build` or `layer` and return the exit status."""
    try:
        return run(argv)
    except Failure as failure:
        return failed(failure)
    except (RecursionError, MemoryError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "too large"
        return failed(Failure(f"a file of the app that the build reads is {reason}"))
    except OSError as error:
        reason = f"{error.filename or 'the build'}: {error.strerror}"
        return failed(Failure(f"the build failed on {reason}", "see the lines above"))


def run(argv: list[str]) -> int:
    os.umask(0o022)
    verb, options = argv[0], pairs(argv[1:])
    if verb == "layer":
        from lifecycle.layer import layer  # noqa: PLC0415 - each run needs one of the two

        plan = json.loads(options["layer"])
        return layer(PLACE, SOURCE_DIR, plan, grown="grown" in options)
    from lifecycle.build import build  # noqa: PLC0415 - as above

    named = [name for name in options.get("buildpacks", "").split(",") if name]
    have: list[Any] = json.loads(options.get("have", "[]"))
    files = {"procfile": options.get("procfile", "Procfile"), "app_json": "app.json"}
    return build(PLACE, RESULT_DIR, named, have, files, again="again" in options)


def pairs(arguments: list[str]) -> dict[str, str]:
    """`--name value` and bare switches; who calls is the daemon, so no more is needed."""
    options: dict[str, str] = {}
    rest = iter(arguments)
    for word in rest:
        options[word.removeprefix("--")] = "" if word in SWITCHES else next(rest)
    return options


def failed(failure: Failure) -> int:
    """The daemon says it, as the last lines the pusher sees."""
    error = {"message": failure.message, "hint": failure.hint, "certain": failure.certain}
    results.write(RESULT_DIR, "error", error)
    return 1
