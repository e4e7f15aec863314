"""Git's own garbage collection, run as the git user and bounded: in memory, in time, by a push.

Touches: git through the Runner, and its process group. Source: git-gc(1), git-repack(1).
"""

import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from paas.command import Child, Runner
from paas.errors import CommandFailed, PaasError
from paas.git.invocation import BASE_ENVIRONMENT, PROTECTED
from paas.git.repositories import commit_id
from paas.settings import Settings

# one thread and bounded windows: a repository's largest file must not become the machine's memory
BOUNDS = (
    *("-c", "pack.threads=1", "-c", "pack.windowMemory=64m", "-c", "pack.deltaCacheSize=32m"),
    *("-c", "core.bigFileThreshold=16m", "-c", "gc.autoDetach=false"),
)
IN_THE_BACKGROUND = ("nice", "-n", "19", "ionice", "-c", "3")
KEPT = "refs/paas/kept"  # commits of releases: a rebuild finds them also after a forced push
LOOSE_AT_MOST, PACKS_AT_MOST = 2000, 20
FOLDERS = 256  # of loose objects; names are evenly spread, so that one tells of all
PATIENCE_S = 5.0
LOCKS = ("gc.pid.lock", "gc.pid", "packed-refs.lock", "objects/info/commit-graph.lock")


def is_untidy(repository: Path) -> bool:
    """Whether there are so many loose objects or packs that git would tidy up by itself."""
    loose = listing(repository / "objects" / "17")
    packs = [name for name in listing(repository / "objects" / "pack") if name.endswith(".pack")]
    return len(loose) * FOLDERS > LOOSE_AT_MOST or len(packs) > PACKS_AT_MOST


def listing(path: Path) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - names are all that is wanted
    except FileNotFoundError:
        return []


class Tidying:
    """One collection in one repository; end() may be called from any thread."""

    def __init__(self, settings: Settings, runner: Runner, repository: Path) -> None:
        self._settings = settings
        self._runner = runner
        self._repository = repository
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._ended = False

    def run(self, kept: Iterable[str], *, expire: str, aggressive: bool, timeout_s: float) -> bool:
        """Collect; False when it was ended before it was done.

        kept: commits to keep whatever the branches say. expire: how old what nothing leads
        to must be to go, in git's words. Raises PaasError when git fails or takes too long.
        """
        self._keep(kept)
        argv = ("gc", "--quiet", "--force", f"--prune={expire}")
        done = self._git((*argv, "--aggressive") if aggressive else argv, timeout_s=timeout_s)
        return done is not None

    def end(self) -> None:
        """Stop git, which replaces nothing before it is done."""
        with self._lock:
            self._ended = True
            if self._child is not None:
                signal_group(self._child, signal.SIGTERM)

    def _keep(self, commits: Iterable[str]) -> None:
        """Have a ref of ours lead to each commit that is there, and to no other."""
        lines = "".join(f"{commit_id(one)}\n" for one in dict.fromkeys(commits) if one)
        found = self._git(("cat-file", "--batch-check=%(objectname) %(objecttype)"), lines) or ""
        wanted = {line.split()[0] for line in found.splitlines() if line.endswith(" commit")}
        listed = self._git(("for-each-ref", "--format=%(objectname)", KEPT)) or ""
        present = set(listed.split())
        changes = [f"create {KEPT}/{one} {one}\n" for one in sorted(wanted - present)]
        changes += [f"delete {KEPT}/{one} {one}\n" for one in sorted(present - wanted)]
        if changes:
            self._git(("update-ref", "--stdin"), "".join(changes))

    def _git(self, argv: tuple[str, ...], stdin: str = "", timeout_s: float = 60) -> str | None:
        """What git says; None when it was ended."""
        with self._lock:
            if self._ended:
                return None
            child = self._child = self._start(argv)
        try:
            out, err = child.communicate(stdin.encode(), timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise PaasError(
                f"git did not tidy {self._repository.name} within {timeout_s:.0f} s and was stopped"
            ) from error
        finally:
            if finish(child):
                self._unlock()
            with self._lock:
                self._child = None
        if self._ended:
            return None
        if child.returncode:
            raise CommandFailed(("git", *argv), child.returncode, err.decode(errors="replace"))
        return out.decode(errors="replace")

    def _unlock(self) -> None:
        """Remove the locks of a git that was ended: nobody else is at work here."""
        for name in LOCKS:
            (self._repository / name).unlink(missing_ok=True)

    def _start(self, argv: tuple[str, ...]) -> Child:
        git = ("git", f"--git-dir={self._repository}", *PROTECTED, *BOUNDS)
        return self._runner.spawn(
            (*IN_THE_BACKGROUND, *git, *argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=BASE_ENVIRONMENT,
            user=self._settings.git_uid,
        )


def finish(child: Child) -> bool:
    """See a child and all it started out; whether it had to be ended.

    It is asked first: git then removes what it was writing, but for what it has just begun.
    """
    alive = child.poll() is None
    if alive:
        signal_group(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE_S)
    if child.poll() is None:
        signal_group(child, signal.SIGKILL)
        child.wait()
    return alive or child.returncode < 0


def signal_group(child: Child, number: signal.Signals) -> None:
    """A child's pid is its group, and is not used again before it was waited for."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
