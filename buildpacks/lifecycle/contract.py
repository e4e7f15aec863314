"""Heroku's contract for our own packs: what bin/* do when run as programs.

bin/detect, plan, compile, release and layers/* of each pack are the same few
lines: they say who they are by their path and call the pack's function.
"""

import json
import os
import sys

from lifecycle import packs, say
from lifecycle.packs import Place
from lifecycle.say import Failure

NOWHERE = "/nonexistent"


def main(path: str) -> int:
    """Run the verb that path, a file of a pack's bin/, is named after."""
    relative = os.path.relpath(os.path.abspath(path), packs.ROOT)
    pack, _, program = relative.partition("/bin/")
    if program in ("detect", "plan", "release"):
        say.to(2)  # their standard output is their result
    try:
        return run(packs.load(pack), program, sys.argv[1:])
    except Failure as failure:
        say.warning(failure.message)
        say.detail(failure.hint)
        return 1


def run(pack: packs.OwnPack, program: str, arguments: list[str]) -> int:
    if program.startswith("layers/"):
        source, cache_dir, env_dir, runtime = arguments
        plan = {"name": program.removeprefix("layers/"), "runtime": runtime}
        pack.layer(plan, source, Place("/app", cache_dir, env_dir))
        return 0
    place = Place(*(arguments + [NOWHERE] * 3)[:3])
    if program == "plan":
        place = Place(arguments[0], NOWHERE, arguments[1])
        answer(json.dumps(pack.plan(place)))
    elif program == "detect":
        found = pack.detect(place)
        answer(found[0] if found else "no")
        return 0 if found else 1
    elif program == "compile":
        pack.compile(place, dict(os.environ))
    else:
        answer(json.dumps(pack.release(Place(arguments[0], NOWHERE, NOWHERE))))
    return 0


def answer(text: str) -> None:
    say.to(1)
    say.line(text)
