"""A repository of its own for one build: .git as a clone of the commit would have it.

Touches: one folder of the build's, through git as the git user. Sources: gitrepository-layout(5),
git-archive(1) for --add-file.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from paas.command import Runner
from paas.errors import CommandFailed
from paas.git.invocation import BASE_ENVIRONMENT, PROTECTED
from paas.git.repositories import commit_id, quarantine
from paas.model.names import branch_name
from paas.settings import Settings

CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"
FOLDER = ".git"


def make(
    settings: Settings,
    runner: Runner,
    repository: Path,
    folder: Path,
    branch: str,
    commit: str,
    environment: Mapping[str, str],
) -> None:
    """Fill an empty folder with what .git has of a commit: its history, its index, its branch."""
    for below in (folder, folder / "objects" / "pack", folder / "refs" / "heads"):
        below.mkdir(mode=0o755, parents=True, exist_ok=True)
    write(folder / "HEAD", f"ref: refs/heads/{branch_name(branch)}\n")
    write(folder / "refs" / "heads" / branch, f"{commit_id(commit)}\n")
    write(folder / "config", CONFIG)
    if (shallow := repository / "shallow").is_file():
        write(folder / "shallow", shallow.read_text())
    for path in (folder, folder / "objects", folder / "objects" / "pack"):
        os.chown(path, settings.git_uid, settings.git_uid)
    seen = {**BASE_ENVIRONMENT, **quarantine(repository, environment)}
    pack = ("pack-objects", "--revs", "-q", str(folder / "objects" / "pack" / "pack"))
    run(settings, runner, repository, pack, seen, f"{commit}\n")
    index = {**seen, "GIT_INDEX_FILE": str(folder / "index")}
    run(settings, runner, repository, ("read-tree", commit), index)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(
    settings: Settings,
    runner: Runner,
    repository: Path,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    given: str = "",
) -> None:
    child = runner.spawn(
        ("git", f"--git-dir={repository}", *PROTECTED, *argv),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        user=settings.git_uid,
        gently=True,
    )
    _, said = child.communicate(given.encode())
    if child.returncode:
        raise CommandFailed(("git", *argv), child.returncode, said.decode(errors="replace"))


def options(folder: Path) -> Iterator[str]:
    """What has git archive add the folder's files as .git, before the commit's own."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            place = Path(FOLDER) / path.relative_to(folder).parent
            yield from (f"--prefix={place}/", f"--add-file={path}")
    yield "--prefix="
