"""A repository as one file, git's own bundle, and back: what backups keep and clones copy.

Touches: repositories, through git as the git user. Only refs and objects travel: no
config, no hook, nothing else that lies in a repository's folder. What comes in is checked
by git as a push is. A bundle is a few lines of refs and a pack (gitformat-bundle(5)).
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.git.invocation import BASE_ENVIRONMENT, PROTECTED
from paas.git.repositories import commit_id
from paas.settings import Settings

SIGNATURE = b"# v2 git bundle\n"
REFS_BYTES = 64 << 20
REF = re.compile(r"refs/[!-~\x80-\U0010ffff]{1,500}")
# in a bundle, commits that a release came from and no branch has any more: they are no refs
# of a repository, where whoever tidies asks the releases
KEPT = "refs/paas/kept/"
SHALLOW_BYTES = 1 << 20


class Packing:
    """Takes repositories, by their path, apart and together."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self._settings = settings
        self._runner = runner

    # -- out -----------------------------------------------------------------------------

    def refs(self, repository: Path) -> dict[str, str]:
        """Every ref and what it points at."""
        argv = ("for-each-ref", "--format=%(objectname) %(refname)")
        text = self._run(repository, argv).decode(errors="surrogateescape")
        pairs = (line.split(" ", 1) for line in text.splitlines())
        return {name: oid for oid, name in pairs}

    def present(self, repository: Path, commits: Iterable[str]) -> set[str]:
        """Those of the commits that the repository has."""
        wanted = "".join(f"{commit_id(one)}\n" for one in commits)
        argv = ("cat-file", "--batch-check=%(objectname) %(objecttype)")
        listed = self._run(repository, argv, wanted.encode()).decode().splitlines()
        return {line.split()[0] for line in listed if line.endswith(" commit")}

    def unreachable(
        self, repository: Path, commits: Iterable[str], tips: Iterable[str]
    ) -> set[str]:
        """Those of the commits that none of the tips leads to."""
        wanted = set(commits)
        given = "".join(f"{commit_id(one)}\n" for one in wanted)
        given += "".join(f"^{commit_id(one)}\n" for one in tips)
        listed = self._run(repository, ("rev-list", "--stdin"), given.encode()) if wanted else b""
        return wanted & set(listed.decode().split())

    def shallow(self, repository: Path) -> bytes:
        """The commits whose parents were never pushed, a line each; b"" in an ordinary one."""
        try:
            with (repository / "shallow").open("rb") as file:
                return file.read(SHALLOW_BYTES)
        except FileNotFoundError:
            return b""

    def write(self, repository: Path, refs: Mapping[str, str], target: IO[bytes]) -> None:
        """Write a bundle of these refs and of all that can be reached from them."""
        head = "".join(f"{commit_id(oid)} {name}\n" for name, oid in refs.items())
        target.write(SIGNATURE + head.encode(errors="surrogateescape") + b"\n")
        target.flush()
        tips = "".join(f"{oid}\n" for oid in dict.fromkeys(refs.values()))
        argv = ("pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q")
        self._run(repository, argv, tips.encode(), stdout=target)

    # -- in ------------------------------------------------------------------------------

    def read(self, repository: Path, bundle: IO[bytes], shallow: bytes = b"") -> None:
        """Fill an empty repository from a bundle; PaasError when git finds it wanting.

        The bundle's descriptor is read from where its file begins.
        """
        refs = read_refs(bundle)
        if shallow:
            self._write_shallow(repository, shallow)
        descriptor = bundle.fileno()
        os.lseek(descriptor, bundle.tell(), os.SEEK_SET)
        try:
            self._run(repository, ("index-pack", "--stdin", "--strict"), stdin=bundle)
            made = "".join(
                f"create {name}\0{oid}\0" for name, oid in refs.items() if not name.startswith(KEPT)
            )
            argv = ("update-ref", "--stdin", "-z")
            self._run(repository, argv, made.encode(errors="surrogateescape"))
        except CommandFailed as error:
            raise PaasError(
                f"git does not take the repository in the backup: {error.message}",
                "nothing was changed",
            ) from error

    def _write_shallow(self, repository: Path, lines: bytes) -> None:
        for line in lines.decode(errors="replace").split():
            commit_id(line)
        path = repository / "shallow"
        path.write_bytes(lines)
        os.chown(path, self._settings.git_uid, self._settings.git_uid)

    def _run(
        self,
        repository: Path,
        argv: tuple[str, ...],
        given: bytes = b"",
        *,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
    ) -> bytes:
        child = self._runner.spawn(
            ("git", f"--git-dir={repository}", *PROTECTED, *argv),
            stdin=stdin or subprocess.PIPE,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=BASE_ENVIRONMENT,
            user=self._settings.git_uid,
        )
        output, stderr = child.communicate(given if stdin is None else None)
        if child.returncode:
            text = stderr.decode(errors="replace")
            raise CommandFailed(("git", *argv), child.returncode, text)
        return output or b""


def read_refs(bundle: IO[bytes]) -> dict[str, str]:
    """The refs at the begin of a bundle; its file stands at the pack then."""
    bundle.seek(0)
    if bundle.readline(len(SIGNATURE)) != SIGNATURE:
        raise PaasError("the backup has a repository that is no bundle of git's")
    refs: dict[str, str] = {}
    while (line := bundle.readline(4096).decode(errors="surrogateescape")) not in ("\n", ""):
        oid, _, name = line.rstrip("\n").partition(" ")
        if not line.endswith("\n") or not REF.fullmatch(name) or bundle.tell() > REFS_BYTES:
            raise PaasError("the backup has a repository with refs that make no sense")
        refs[name] = commit_id(oid)
    return refs
