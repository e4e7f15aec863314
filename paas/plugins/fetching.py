"""Fetching: a plugin's files from where they are, by a user that owns nothing else.

Touches: the network, through git and HTTP; the staging folder. What was fetched is looked
through before it becomes root's: regular files, folders and links, each its own, bounded.
"""

import hashlib
import os
import secrets
import shutil
import stat
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO

from paas.command import CLEAN_ENVIRONMENT
from paas.errors import PaasError
from paas.git.invocation import BASE_ENVIRONMENT
from paas.model.plugin import Source, SourceKind
from paas.plugins.index import MANIFEST
from paas.plugins.running import UNPRIVILEGED, Job, Runs
from paas.settings import environment_of

FETCH_S = 300.0
ARCHIVE_BYTES, TREE_BYTES, ENTRIES = 64 << 20, 256 << 20, 20_000
PIECE = 1 << 20
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
GIT = ("git", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
ALLOWED = {"GIT_ALLOW_PROTOCOL": "https:http:git:ssh"}


@dataclass(frozen=True, slots=True)
class Tree:
    """A plugin's files in the staging folder, and which revision they are."""

    folder: Path
    revision: str


@contextmanager
def fetched(runs: Runs, source: Source) -> Iterator[Tree]:
    """The files of a plugin, looked through and root's, until the block ends."""
    staging = runs.places.staging / secrets.token_hex(8)
    staging.mkdir(parents=True, mode=0o711)
    try:
        ways = {SourceKind.GIT: clone, SourceKind.ARCHIVE: unpack, SourceKind.FOLDER: copy}
        found = ways[source.kind](runs, source, staging)
        folder = top(found.folder)
        take_over(folder, runs.places.fetching_uid)
        yield Tree(folder, found.revision)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def top(folder: Path) -> Path:
    """Where plugin.toml is: there, or in the one folder that an archive has everything in."""
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink():
        folder = inside[0]
    if not (folder / MANIFEST).is_file():
        raise PaasError("this is no plugin: it has no plugin.toml", "see docs/plugins.md")
    return folder


# -- the ways ------------------------------------------------------------------------------


def clone(runs: Runs, source: Source, staging: Path) -> Tree:
    """A commit of a git repository, without the repository."""
    target = made(runs, staging / "tree")
    depth = () if source.committish else ("--depth", "1")
    options = ("--quiet", "--no-checkout", "--template=", *depth)
    errand(runs, staging, *GIT, "clone", *options, "--", source.address, str(target))
    commit = found_commit(runs, target, source)
    errand(runs, staging, *GIT, "-C", str(target), "checkout", "--quiet", "--detach", commit)
    shutil.rmtree(target / ".git")
    return Tree(target, commit)


def found_commit(runs: Runs, target: Path, source: Source) -> str:
    """The commit that a branch, a tag or a commit's name means; the newest without one."""
    names = (source.committish,) if source.committish else ()
    tried = [f"{prefix}{name}" for name in names for prefix in ("refs/remotes/origin/", "")]
    for name in tried or ["HEAD"]:
        argv = (*GIT, "-C", str(target), "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        done = runs.done(job(runs, target.parent, argv), answers=True)
        if not done.why:
            return done.answer.decode().strip()
    raise PaasError(f"the repository has no branch, tag or commit {source.committish}")


def unpack(runs: Runs, source: Source, staging: Path) -> Tree:
    """An archive's files, unpacked by tar as the user that owns nothing."""
    archive = staging / "archive"
    digest = hashlib.sha256()
    with archive.open("xb") as file, opened(source.address) as stream:
        deadline = time.monotonic() + FETCH_S
        while piece := stream.read(PIECE):
            digest.update(piece)
            file.write(piece)
            if file.tell() > ARCHIVE_BYTES or time.monotonic() > deadline:
                raise PaasError(
                    f"the archive is longer than {ARCHIVE_BYTES >> 20} MiB, or too slow"
                )
    archive.chmod(0o644)
    target = made(runs, staging / "tree")
    errand(runs, staging, "tar", "-x", "-f", str(archive), "-C", str(target), "--no-same-owner")
    return Tree(target, digest.hexdigest())


@contextmanager
def opened(address: str) -> Iterator[IO[bytes]]:
    """The bytes of an archive, of a file here or by HTTP; PaasError when there are none."""
    try:
        if address.startswith("/"):
            with Path(address).open("rb") as file:
                yield file
        else:
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - http(s) only
                yield answer
    except (OSError, HTTPException, ValueError) as error:
        raise PaasError(f"{address} cannot be fetched: {error}") from error


def copy(runs: Runs, source: Source, staging: Path) -> Tree:
    """A folder of this machine as it is now, without its repository."""
    origin, target = Path(source.address), staging / "tree"
    if not origin.is_dir():
        raise PaasError(f"there is no folder {origin}", "give the whole path of one")
    for folder, name, status in entries(origin):
        refuse_strange(Path(folder, name), status.st_mode)
    shutil.copytree(origin, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    hand_over(target, runs.places.fetching_uid)
    return Tree(target, fingerprint(target))


def fingerprint(folder: Path) -> str:
    """A hash of a folder's names, modes and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        digest.update(f"{path.relative_to(folder)}\0{status.st_mode:o}\0".encode())
        if stat.S_ISREG(status.st_mode):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        elif stat.S_ISLNK(status.st_mode):
            digest.update(os.fsencode(path.readlink()))
    return digest.hexdigest()


# -- by whom -------------------------------------------------------------------------------


def made(runs: Runs, folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    os.chown(folder, runs.places.fetching_uid, runs.places.fetching_uid)
    return folder


def job(runs: Runs, directory: Path, argv: tuple[str, ...]) -> Job:
    own = environment_of((*PROXIES, *CERTIFICATES))
    environment = {**CLEAN_ENVIRONMENT, **BASE_ENVIRONMENT, **ALLOWED, **own}
    return Job((*UNPRIVILEGED, *argv), environment, directory, runs.places.fetching_uid, FETCH_S)


def errand(runs: Runs, directory: Path, *argv: str) -> None:
    """Have a program do its part; PaasError with its last words when it does not."""
    done = runs.done(job(runs, directory, argv))
    if done.why:
        raise PaasError(f"{argv[0]} {done.why}: {done.last[:300] or 'it said nothing'}")


# -- becoming root's -----------------------------------------------------------------------


def entries(folder: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """Everything below a folder: where it is, its name, and what it is; links not followed."""
    size = count = 0
    for where, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            count, size = count + 1, size + status.st_size
            if count > ENTRIES or size > TREE_BYTES:
                raise PaasError(
                    f"the plugin is too large: more than {TREE_BYTES >> 20} MiB or {ENTRIES} files"
                )
            yield where, name, status


def refuse_strange(path: Path, mode: int) -> None:
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        raise PaasError(f"{path.name} in the plugin is no file, folder or link")


def hand_over(folder: Path, uid: int) -> None:
    os.chown(folder, uid, uid)
    for where, name, _ in entries(folder):
        os.chown(Path(where, name), uid, uid, follow_symlinks=False)


def take_over(folder: Path, uid: int) -> None:
    """Everything root's and nobody else's to write; PaasError for what is not the fetcher's own.

    A second name of a file that belongs to somebody else would become readable with it.
    """
    found = [(Path(where, name), status) for where, name, status in entries(folder)]
    for path, status in found:
        refuse_strange(path, status.st_mode)
        if status.st_uid != uid or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
            raise PaasError(f"{path.name} in the plugin has another owner, or two names")
    for path, status in [*found, (folder, folder.lstat())]:
        os.chown(path, 0, 0, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            wide = stat.S_ISDIR(status.st_mode) or status.st_mode & 0o111
            path.chmod(0o755 if wide else 0o644)
