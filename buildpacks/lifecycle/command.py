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
SWITCHES = ("--again", "--grown", "--apart", "--detect")


def main(argv: list[str]) -> int:
    """Run `build`, `layer`, `fetch` or `packages` and return the exit status."""
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
    if verb == "fetch":
        from lifecycle.fetch import fetch  # noqa: PLC0415 - as above

        revision = fetch(json.loads(options["pack"]), PLACE.build_dir)
        results.write(RESULT_DIR, "fetch", {"revision": revision})
        return 0
    if verb == "packages":
        from lifecycle import debian  # noqa: PLC0415 - as above

        wanted = json.loads(options["wanted"])
        layers = debian.layer(wanted["names"], repositories=wanted["repositories"])
        results.write(RESULT_DIR, "plan", {"layers": layers})
        return 0
    from lifecycle.build import build, detect  # noqa: PLC0415 - as above

    named = json.loads(options.get("buildpacks", "[]"))
    if "detect" in options:
        return detect(PLACE, RESULT_DIR, named)
    have: list[Any] = json.loads(options.get("have", "[]"))
    files = {"procfile": options.get("procfile", "Procfile"), "app_json": "app.json"}
    place = place_for(named, apart="apart" in options)
    return build(place, RESULT_DIR, named, have, files, again="again" in options)


def place_for(named: list[dict[str, Any]], *, apart: bool) -> Place:
    """Where the build happens; apart: where Heroku does it, the app's own place being empty."""
    if not apart:
        return PLACE
    os.makedirs(folder := os.path.join("/build", f"build_{os.environ['REQUEST_ID'][:8]}"))
    return Place(folder, PLACE.cache_dir, PLACE.env_dir)


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
