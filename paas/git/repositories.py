"""The apps' bare repositories: made, moved, read and pushed to, always by the git user.

Touches: <state>/repos, and git through the Runner as settings.git_uid, with none of the
host's git configuration. Reads during a push see its quarantined objects through the
environment the hook handed over (git-receive-pack(1), "Quarantine environment").
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.git import leftovers, pushes, refs
from paas.git.invocation import BASE_ENVIRONMENT, PROTECTED, receive_options
from paas.image.durable import remove_tree
from paas.model.names import app_name, branch_name
from paas.model.push import TreeEntry
from paas.settings import Settings

# a tree of few objects can name billions of files: it is judged before it is taken apart
ENTRIES = 200_000
TREE_BYTES = 64 << 20
QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")

# a pushed tree may ask git archive to leave files out or to rewrite them: not here
ATTRIBUTES = "* -export-ignore -export-subst\n"


class Repositories:
    """One bare repository an app, in <state>/repos/<app>.git, owned by the git user."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self._settings = settings
        self._runner = runner
        self._root = settings.state_dir / "repos"

    # -- where they are ----------------------------------------------------------

    def path(self, app: str) -> Path:
        """Where the app's repository is or would be."""
        return self._root / f"{app_name(app)}.git"

    def exists(self, app: str) -> bool:
        """Whether the app has a repository."""
        return (self.path(app) / "HEAD").is_file()

    def ensure(self, app: str) -> Path:
        """The app's repository, made when there is none; whole or not there at all."""
        if not self.exists(app):
            self.adopt(self.draft(app, f"{os.getpid()}.new"), app)
        return self.path(app)

    def draft(self, app: str, tag: str) -> Path:
        """A new, empty repository beside the app's, for adopt; a sweep removes it."""
        self._prepare_root()
        building = self._root / f".{self.path(app).name}.{tag}"
        shutil.rmtree(building, ignore_errors=True)
        self._create(building)
        return building

    def adopt(self, draft: Path, app: str) -> None:
        """Make a draft the app's repository, in place of what is there."""
        shutil.rmtree(self.path(app), ignore_errors=True)
        draft.rename(self.path(app))

    def rename(self, old: str, new: str) -> None:
        """Give an app's repository to its new name; nothing when there is none."""
        if not self.path(old).exists():
            return
        if self.path(new).exists():
            raise PaasError(f"a repository named {new} exists already", "choose another name")
        self.path(old).rename(self.path(new))

    def remove(self, app: str) -> None:
        """Delete the app's repository; nothing when there is none."""
        path = self.path(app)
        if path.exists():
            leaving = self._root / f".{path.name}.{os.getpid()}.old"
            path.rename(leaving)
            shutil.rmtree(leaving)

    def sweep(self) -> None:
        """Delete what an interrupted creation or removal left; only while none is under way."""
        for path in self._root.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)

    def end_all(self) -> None:
        """See out what a dead daemon's pushes and builds still run; before any other use."""
        leftovers.end_processes(self._settings.git_uid, self._settings.state_dir)

    def drop_abandoned(self, app: str) -> None:
        """Delete the objects of pushes that ended before git took them."""
        found = leftovers.quarantines(self.path(app))
        if not pushes.under_way(app):  # asked after looking: a push is known before its git starts
            for path in found:
                remove_tree(path)

    def _prepare_root(self) -> None:
        uid = self._settings.git_uid
        self._settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._root.mkdir(mode=0o700, exist_ok=True)
        os.chown(self._root, uid, uid)

    def _create(self, path: Path) -> None:
        self._git(("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path)))
        (path / "info").mkdir(exist_ok=True)
        (path / "info" / "attributes").write_text(ATTRIBUTES)

    # -- pushing and fetching ----------------------------------------------------

    def receive_command(
        self, app: str, environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """What to run, and with which environment, for an incoming push."""
        options = receive_options(self._settings)
        argv = ("git", *options, "receive-pack", str(self.path(app)))
        return argv, {**BASE_ENVIRONMENT, **environment}

    def upload_command(
        self, app: str, environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """What to run, and with which environment, for a clone or fetch."""
        argv = ("git", *PROTECTED, "upload-pack", "--strict", str(self.path(app)))
        return argv, {**BASE_ENVIRONMENT, **environment}

    # -- reading -----------------------------------------------------------------

    def tree(self, app: str, commit: str, environment: Mapping[str, str]) -> list[TreeEntry]:
        """Every file of a commit, in git's order; PaasError when there is no such commit."""
        argv = ("ls-tree", "-r", "-z", "--long", "--full-tree", commit_id(commit))
        listing = self._read(app, argv, environment, TREE_BYTES)
        count = listing.count(b"\0")
        cut_short = len(listing) >= TREE_BYTES
        if cut_short or count > ENTRIES:
            raise PaasError(
                f"the commit has {'more than ' * cut_short}{count:,} files; "
                f"at most {ENTRIES:,} are deployed",
                "keep generated files and dependencies out of git",
            )
        return [parse_entry(line) for line in listing.split(b"\0") if line]

    def blob(self, app: str, oid: str, environment: Mapping[str, str], limit: int) -> bytes:
        """A file's content, at most limit bytes of it."""
        return self._read(app, ("cat-file", "blob", commit_id(oid)), environment, limit)

    def blobs(
        self, app: str, oids: Iterable[str], environment: Mapping[str, str]
    ) -> Iterator[tuple[str, bytes]]:
        """Ids and contents of many small files, each once, by one git."""
        wanted = os.memfd_create("oids", os.MFD_CLOEXEC)
        with os.fdopen(wanted, "w+b") as file:
            file.writelines(commit_id(oid).encode() + b"\n" for oid in dict.fromkeys(oids))
            file.seek(0)
            child = self._start(app, ("cat-file", "--batch"), environment, stdin=file)
        with child:
            try:
                yield from batch(child)
            finally:
                child.kill()

    def archive(
        self,
        app: str,
        commit: str,
        environment: Mapping[str, str],
        paths: Sequence[str] = (),
        root: str = "",
        more: Iterable[str] = (),
    ) -> subprocess.Popen[bytes]:
        """A started `git archive` whose stdout is a tar of the commit, or of some paths of it.

        root: only this directory of the commit, paths and names being as seen from there.
        more: options of git archive's that add files of ours.
        Nothing is left out or rewritten at the tree's wish; submodules are not in it.
        The caller reads to the end and waits.
        """
        tree = f"{commit_id(commit)}:{root}" if root else commit_id(commit)
        argv = ("-c", "tar.umask=0022", "archive", "--format=tar", *more, tree)
        chosen = ("--", *(f":(top,literal){path}" for path in paths)) if paths else ()
        return self._start(app, (*argv, *chosen), environment)

    def branches(self, app: str) -> dict[str, str]:
        """Branch names and the commits they are at; {} when there is no repository."""
        return refs.branches(self.path(app))

    def has(self, app: str, commit: str) -> bool:
        """Whether the repository has a commit."""
        argv = ("cat-file", "-e", f"{commit_id(commit)}^{{commit}}")
        with self._start(app, argv, {}) as child:
            child.communicate()
        return child.returncode == 0

    def contains(
        self, app: str, commit: str, ancestor: str, environment: Mapping[str, str]
    ) -> bool:
        """Whether one commit is another's ancestor, or the other itself."""
        argv = ("merge-base", "--is-ancestor", commit_id(ancestor), commit_id(commit))
        with self._start(app, argv, environment) as child:
            _, stderr = child.communicate()
        if child.returncode not in (0, 1):
            raise CommandFailed(("git", *argv), child.returncode, stderr.decode(errors="replace"))
        return child.returncode == 0

    def move(self, app: str, branch: str, commit: str | None, expected: str) -> None:
        """Put a branch at a commit (None: remove it) when it is at the expected one."""
        ref = f"refs/heads/{branch_name(branch)}"
        if commit is None:
            self._read(app, ("update-ref", "-d", ref, commit_id(expected)), {}, 1)
        else:
            self._read(app, ("update-ref", ref, commit_id(commit), commit_id(expected)), {}, 1)

    def keep(self, app: str, environment: Mapping[str, str]) -> None:
        """Have what is being pushed in the repository, whatever becomes of git; durably."""
        path = self.path(app)
        place = quarantine(path, environment).get(QUARANTINE[0])
        if place:
            leftovers.link_objects(Path(place), path / "objects", self._settings.git_uid)

    def is_at(self, app: str, branch: str, commit: str) -> bool:
        """Whether a branch was just moved to a commit; False also when only git can tell."""
        try:
            text = (self.path(app) / "refs" / "heads" / branch_name(branch)).read_text()
        except OSError:
            return False
        return text.strip() == commit

    def _read(
        self, app: str, argv: Sequence[str], environment: Mapping[str, str], limit: int
    ) -> bytes:
        child = self._start(app, argv, environment)
        with child:
            data = read_up_to(child, limit)
            if len(data) >= limit:
                child.kill()
                child.wait()
                return data
            _, stderr = child.communicate()
        if child.returncode:
            raise CommandFailed(("git", *argv), child.returncode, stderr.decode(errors="replace"))
        return data

    def _start(
        self,
        app: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        stdin: IO[bytes] | int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        path = self.path(app)
        return self._runner.spawn(
            ("git", f"--git-dir={path}", *PROTECTED, *argv),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**BASE_ENVIRONMENT, **quarantine(path, environment)},
            user=self._settings.git_uid,
            gently=True,
        )

    def _git(self, argv: Sequence[str]) -> None:
        child = self._runner.spawn(
            ("git", *argv),
            stderr=subprocess.PIPE,
            env=BASE_ENVIRONMENT,
            cwd=self._root,
            user=self._settings.git_uid,
        )
        _, stderr = child.communicate()
        if child.returncode:
            raise CommandFailed(("git", *argv), child.returncode, stderr.decode(errors="replace"))


def quarantine(repository: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Git's quarantine variables, refused when they lead out of the repository."""
    chosen = {key: environment[key] for key in QUARANTINE if key in environment}
    objects = repository / "objects"
    for key, value in chosen.items():
        path = Path(os.path.normpath(repository / value))
        # git takes a list between colons; we hand it one directory
        if ":" in value or (path != objects and objects not in path.parents):
            raise PaasError(f"{key} is outside {repository}", "push again with the ordinary client")
    return chosen


def read_up_to(child: subprocess.Popen[bytes], limit: int) -> bytes:
    """The child's standard output, at most limit bytes of it."""
    return child.stdout.read(limit) if child.stdout else b""


def batch(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """What `git cat-file --batch` says: a line `id type size`, the content, a line end."""
    out = child.stdout
    while out and (head := out.readline().split()):
        if len(head) != 3:
            raise PaasError("the push lacks a file of its own commit", "push again")
        yield head[0].decode(), out.read(int(head[2]))
        out.read(1)


def parse_entry(line: bytes) -> TreeEntry:
    """One record of `git ls-tree -r -z --long`: mode, type, id, size (or -), tab, path."""
    head, _, path = line.partition(b"\t")
    mode, _, oid, size = head.split()
    bytes_ = 0 if size == b"-" else int(size)
    return TreeEntry(mode.decode(), oid.decode(), bytes_, path.decode(errors="surrogateescape"))


def commit_id(text: str) -> str:
    """A full object id (SHA-1 or SHA-256), never an option or a revision expression."""
    if len(text) in (40, 64) and not text.strip("0123456789abcdef"):
        return text
    raise PaasError(f"{text[:80]!r} is not a commit id")
