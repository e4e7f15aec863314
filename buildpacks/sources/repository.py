"""The scratch repository of one piece of work, and the pack in which its result leaves.

The app's own objects are seen read-only, so that only what is new is fetched and packed.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from lifecycle.say import Failure

FOLDER = "/work/repository"
OBJECTS = "/objects"  # the app's, when it has some
PACK = "/out/pack"
# no configuration but this, no questions, no program of the repository's
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "http:https:ssh",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
}
OPTIONS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
    *("-c", "fetch.unpackLimit=1", "-c", "pack.threads=1", "-c", "pack.windowMemory=64m"),
    *("-c", "core.bigFileThreshold=16m", "-c", "http.lowSpeedLimit=1000"),
    *("-c", "http.lowSpeedTime=30", "-c", "submodule.recurse=false"),
)


def make(have: Mapping[str, str] | None = None, shallow: str = "") -> None:
    """An empty repository over the app's objects; have: commits that the app's branches are at."""
    git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", FOLDER, folder="/")
    if not os.path.isdir(OBJECTS):
        return
    write("objects/info/alternates", f"{OBJECTS}\n")
    if shallow:
        write("shallow", shallow)
    lines = (f"{oid} refs/have/{number}\n" for number, oid in enumerate((have or {}).values()))
    write("packed-refs", "".join(lines))


def write(name: str, text: str) -> None:
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def start(
    words: Sequence[str], more: Mapping[str, str] | None = None, *, folder: str = "", **io: Any
) -> "subprocess.Popen[bytes]":
    """A started git; more: variables beside the usual ones."""
    environment = {**os.environ, **ENVIRONMENT, **(more or {})}
    argv = ("git", *OPTIONS, *words)
    return subprocess.Popen(
        argv, cwd=folder or FOLDER, env=environment, stderr=subprocess.PIPE, **io
    )


def ask(
    words: Sequence[str],
    given: bytes = b"",
    more: Mapping[str, str] | None = None,
    *,
    folder: str = "",
) -> tuple[int, bytes, str]:
    """Run git to its end: its status, its output, and what it said on standard error."""
    with start(words, more, folder=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        output, said = child.communicate(given)
    return child.returncode, output, said.decode(errors="replace")


def git(*words: str, given: bytes = b"", folder: str = "") -> str:
    """What git answers; Failure when it fails."""
    status, output, said = ask(words, given, folder=folder)
    if status:
        raise Failure(f"git {words[0]} failed: {reason(said)}")
    return output.decode(errors="surrogateescape").strip()


def reason(said: str) -> str:
    """The line of git's that says why."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    chosen = (fatal or lines or ["it said nothing"])[0]
    return chosen.removeprefix("fatal: ").removeprefix("error: ")[:400]


def has(commit: str) -> bool:
    """Whether a commit is here, or among the app's objects."""
    return bool(commit) and ask(("cat-file", "-e", f"{commit}^{{commit}}"))[0] == 0


def tree_of(commit: str) -> str:
    return git("rev-parse", "--verify", f"{commit}^{{tree}}")


def commit(tree: str, parents: Iterable[str], signatures: Sequence[str], message: str) -> str:
    """Write a commit; signatures: author and committer, each with its time."""
    author, committer = signatures
    lines = [f"tree {tree}", *(f"parent {one}" for one in parents)]
    text = "\n".join((*lines, f"author {author}", f"committer {committer}", "", message, ""))
    data = text.encode(errors="surrogateescape")
    return git("hash-object", "-t", "commit", "-w", "--stdin", given=data)


def pack(new: str, have: Iterable[str]) -> None:
    """Everything of a commit that the app has not, as a pack to be taken over by the daemon."""
    wanted = "".join((f"{new}\n", *(f"^{one}\n" for one in have if has(one))))
    words = ("pack-objects", "--revs", "--thin", "--stdout", "-q", "--delta-base-offset")
    with open(PACK, "wb") as target:
        pack_into(target, (*words, "--window=0"), wanted)


def pack_into(target: IO[bytes], words: Sequence[str], wanted: str) -> None:
    with start(words, stdin=subprocess.PIPE, stdout=target) as child:
        _, said = child.communicate(wanted.encode())
    if child.returncode:
        raise Failure(f"the source could not be packed: {reason(said.decode(errors='replace'))}")
