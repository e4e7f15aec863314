"""Fetch: somebody else's buildpack, from where it is kept to /app of a container of its own.

Only our code, git, curl and tar run here, as a user without privileges, and what they
leave becomes a layer: nothing of the pack is executed, and the host unpacks nothing.
"""

import os
import re
import shutil
import stat
import tempfile
from typing import Any

from lifecycle import child
from lifecycle.say import Failure

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
ABBREVIATED = re.compile(r"[0-9a-f]{7,63}")
ENTRIES = 20_000
ARCHIVE_BYTES = 256 << 20
SOURCE = "/source"  # where a folder of the server is seen
# no configuration, no questions, no program of git's that speaks anything but http
GIT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ALLOW_PROTOCOL": "http:https",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "HOME": "/nonexistent",
}
OPTIONS = (
    *("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30"),
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"),
    *("-c", "advice.detachedHead=false", "-c", "init.defaultBranch=main"),
)
CURL = (
    *("curl", "--fail", "--location", "--silent", "--show-error", "--globoff"),
    *("--proto", "=http,https", "--max-redirs", "5", "--connect-timeout", "20"),
    *("--retry", "3", "--retry-connrefused", "--speed-limit", "1000", "--speed-time", "30"),
)


def fetch(pack: dict[str, Any], target: str) -> str:
    """Put a pack's files to target unless its revision is the known one; its revision.

    Raises Failure with why it cannot be had.
    """
    verbs = {"git": from_git, "archive": from_archive, "folder": from_folder}
    revision = verbs[pack["kind"]](pack, target)
    if revision != pack.get("known"):
        settle(pack["address"], target)
    return revision


# -- git -------------------------------------------------------------------------------


def from_git(pack: dict[str, Any], target: str) -> str:
    address, wanted = pack["address"], pack.get("revision") or "HEAD"
    commit = wanted if COMMIT.fullmatch(wanted) else remote_commit(address, wanted)
    if commit and commit == pack.get("known"):
        return commit
    git(target, "init", "--quiet")
    git(target, "remote", "add", "origin", address)
    commit = checked_out(address, target, commit or wanted)
    if os.path.isfile(os.path.join(target, ".gitmodules")):
        done = git(target, "submodule", "update", "--quiet", "--init", "--recursive")
        refuse(done, f"the submodules of {address} cannot be fetched")
    remove_git(target)
    return commit


def remote_commit(address: str, wanted: str) -> str:
    """The commit a branch or tag is at, "" for what only a whole clone can tell.

    Raises Failure where the repository cannot be asked, or has no such thing.
    """
    names = [f"refs/heads/{wanted}", f"refs/tags/{wanted}", f"refs/tags/{wanted}^{{}}"]
    names = names if wanted != "HEAD" else ["HEAD"]
    done = git("/", "ls-remote", "--quiet", "--", address, *names)
    refuse(done, f"the buildpack {address} cannot be fetched")
    lines = (line.partition("\t") for line in done.output.splitlines())
    refs = {name: commit for commit, _, name in lines if COMMIT.fullmatch(commit)}
    for name in (names[0], *reversed(names[1:])):
        if name in refs:
            return refs[name]
    if ABBREVIATED.fullmatch(wanted):
        return ""
    raise Failure(
        f"the buildpack {address} has no branch, tag or commit {wanted}",
        "see what it has: git ls-remote",
    )


def checked_out(address: str, folder: str, wanted: str) -> str:
    """Fetch a commit, alone where the server lets us, and check it out; its id."""
    if COMMIT.fullmatch(wanted) is None or not shallow(folder, wanted):
        done = git(folder, "fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/heads/p/*")
        refuse(done, f"the buildpack {address} cannot be fetched")
        done = git(folder, "checkout", "--quiet", "--detach", f"{wanted}^{{commit}}")
        refuse(done, f"the buildpack {address} has no commit {wanted}")
    return git(folder, "rev-parse", "HEAD").output.strip()


def shallow(folder: str, commit: str) -> bool:
    """Whether this commit could be had without the others."""
    if git(folder, "fetch", "--quiet", "--depth=1", "origin", commit).status:
        return False
    return not git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD").status


def git(folder: str, *words: str) -> child.Completed:
    return child.run(["git", *OPTIONS, *words], {**os.environ, **GIT}, folder, quiet=True)


def remove_git(folder: str) -> None:
    """What a clone keeps beside its files; of submodules too."""
    for below, folders, files in os.walk(folder):
        if ".git" in folders:
            folders.remove(".git")
            shutil.rmtree(os.path.join(below, ".git"))
        if ".git" in files:
            os.unlink(os.path.join(below, ".git"))


# -- archives and folders ---------------------------------------------------------------


def from_archive(pack: dict[str, Any], target: str) -> str:
    import hashlib  # noqa: PLC0415 - only archives need it

    address = pack["address"]
    with tempfile.NamedTemporaryFile() as file:
        argv = [*CURL, "--max-filesize", str(ARCHIVE_BYTES), "--output", file.name, "--", address]
        refuse(tool(argv), f"the buildpack {address} cannot be fetched")
        revision = hashlib.file_digest(file, "sha256").hexdigest()
        if revision == pack.get("known"):
            return revision
        argv = ["tar", "--extract", "--no-same-owner", "--no-same-permissions"]
        done = tool([*argv, "--file", file.name, "--directory", target])
        refuse(done, f"the buildpack {address} is no archive that can be unpacked")
    lift(target)
    return revision


def lift(folder: str) -> None:
    """Where all of it is in one folder, as in archives that hosts of repositories make."""
    names = os.listdir(folder)
    inner = os.path.join(folder, names[0]) if len(names) == 1 else ""
    if not inner or names[0] == "bin" or os.path.islink(inner) or not os.path.isdir(inner):
        return
    aside = os.path.join(folder, ".lifted")
    os.rename(inner, aside)
    for name in os.listdir(aside):
        os.rename(os.path.join(aside, name), os.path.join(folder, name))
    os.rmdir(aside)


def from_folder(pack: dict[str, Any], target: str) -> str:
    """A folder of the server, seen read-only; its revision was worked out before."""
    try:
        shutil.copytree(SOURCE, target, symlinks=True, dirs_exist_ok=True)
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        place = source.replace(SOURCE, pack["address"], 1)
        raise Failure(
            f"the buildpack {pack['address']} cannot be copied: {place}: {reason}"[:600],
            "builds have no privileges: let everybody read the folder (chmod -R a+rX)",
        ) from error
    return str(pack["revision"])


def tool(argv: list[str]) -> child.Completed:
    return child.run(argv, {**os.environ, "LC_ALL": "C.UTF-8"}, "/", quiet=True)


def refuse(done: child.Completed, message: str) -> None:
    """Failure with what a tool said, when it failed."""
    if done.status:
        lines = [line.strip() for line in done.output.splitlines() if line.strip()]
        causes = [line for line in lines if re.match(r"fatal: |curl: |tar: (?!Removing )", line)]
        said = [*causes[:1], *lines[-1:], "no reason given"][0]
        said = re.sub(r"^(fatal|error|curl|tar): ", "", said)
        raise Failure(
            f"{message}: {said}"[:600], "check its address, and whether this machine reaches it"
        )


# -- what came ---------------------------------------------------------------------------


def settle(address: str, folder: str) -> None:
    """See that it is a buildpack, and let every app's builds read it."""
    for name in ("bin/detect", "bin/compile"):
        if not os.path.isfile(os.path.join(folder, name)):
            raise Failure(
                f"{address} is not a buildpack: it has no {name}",
                "packs of Heroku's API have bin/detect and bin/compile at their top",
            )
    count = 0
    os.chmod(folder, 0o755)
    for below, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        if count > ENTRIES:
            raise Failure(f"{address} has more than {ENTRIES:,} files", "it cannot be a buildpack")
        for name in (*folders, *files):
            make_readable(os.path.join(below, name))


def make_readable(path: str) -> None:
    """Readable to all, executable where it was to its owner; nothing but files, folders, links."""
    mode = os.lstat(path).st_mode
    if stat.S_ISDIR(mode):
        os.chmod(path, 0o755)
    elif stat.S_ISREG(mode):
        os.chmod(path, 0o755 if mode & stat.S_IXUSR else 0o644)
    elif not stat.S_ISLNK(mode):
        os.unlink(path)
