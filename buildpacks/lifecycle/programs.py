"""What a compiler made: programs in the app's bin/, and which of them is the web process."""

import os
from collections.abc import Iterable

from lifecycle import say

FOLDER = "bin"
LIST = ".heroku/programs"
WEB_NAMES = ("web", "server", "app", "api")


def note(root: str, names: Iterable[str]) -> None:
    """Leave a list of the programs in bin/ for release, which may be another process."""
    ordered = sorted(names)
    os.makedirs(os.path.join(root, ".heroku"), exist_ok=True)
    with open(os.path.join(root, LIST), "w") as file:
        file.write("\n".join(ordered))
    say.detail(f"built {', '.join(f'{FOLDER}/{name}' for name in ordered)}")


def default_processes(root: str, *named: str) -> dict[str, str]:
    """{"web": program}; nothing, with a line that says why, when it is not clear which.

    named: what the language's own files call the app, before the names that web processes have.
    """
    if os.path.isfile(os.path.join(root, "Procfile")):
        return {}
    with open(os.path.join(root, LIST)) as file:
        names = file.read().split("\n")
    likely = [name for name in (*WEB_NAMES, *named) if name in names]
    if len(names) > 1 and not likely:
        say.warning(f"no web process: there are {len(names)} programs, and none is named web,")
        say.warning(f"so write a Procfile, such as: web: {FOLDER}/{names[0]}")
        return {}
    return {"web": f"{FOLDER}/{likely[0] if len(names) > 1 else names[0]}"}
