"""Source: judge a commit's tree before anything is built; nothing is unpacked on the host."""

import json
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from paas.deploy import policies
from paas.errors import PaasError
from paas.git import gitdir
from paas.model import app_json, buildpack, checks_file, procfile
from paas.model.app import App
from paas.model.app_json import AppManifest
from paas.model.push import NOTHING, Push, TreeEntry
from paas.platform import Platform

SUBMODULE = "160000"
SYMLINK = "120000"
MANIFEST_BYTES = 1 << 20
LINK_BYTES = 4096
ATTRIBUTES_BYTES = 64 << 10
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PROCFILE, APP_JSON = "Procfile", "app.json"
INTERPRETER = re.compile(r"(?:^|/)bin/(?:python|pypy)[\d.]*$")
LFS_POINTER_BYTES = range(100, 250)  # pointer files are about 130 bytes; git-lfs spec


@dataclass(frozen=True, slots=True)
class Source:
    """A judged commit: its files by path, and what its Procfile and app.json say.

    buildpacks are those that .buildpacks names, or app.json.
    root is the directory of the repository that is built ("" for all of it); paths
    are as seen from there. procfile and app_json name the files read as such.
    """

    push: Push
    files: dict[str, TreeEntry]
    processes: dict[str, str] | None
    manifest: AppManifest
    buildpacks: tuple[str, ...] = ()
    root: str = ""
    procfile: str = PROCFILE
    app_json: str = APP_JSON


def nothing(app: App) -> Source:
    """A commit of no files, for what is built of none."""
    return Source(Push(app.name, "", NOTHING, NOTHING), {}, None, app_json.parse("{}"))


def inspect(platform: Platform, app: App, push: Push) -> Source:
    """The commit's tree, or PaasError naming the first thing that cannot be deployed."""
    everything = platform.repositories.tree(push.app, push.new, push.environment)
    if not everything:
        raise PaasError("the commit has no files", "add your app's files, commit and push again")
    root = policies.value(platform, app, "builder", "build-dir") or ""
    entries = below(app, root, everything)
    files = {entry.path: entry for entry in entries}
    refuse_submodules(entries)
    refuse_size(platform, entries)
    refuse_escaping_links(platform, push, entries, root)
    refuse_lfs_pointers(platform, push, everything, entries)
    named = policies.value(platform, app, "ps", "procfile-path") or PROCFILE
    manifest_named = policies.value(platform, app, "app-json", "appjson-path") or APP_JSON
    text = manifest_text(platform, push, files, named)
    manifest = manifest_text(platform, push, files, manifest_named)
    checks = manifest_text(platform, push, files, "CHECKS")
    listed = buildpack.listed(manifest_text(platform, push, files, ".buildpacks") or "")
    says = app_json.parse(with_checks(manifest or "{}", checks or ""))
    return Source(
        push,
        files,
        None if text is None else procfile.parse(text),
        says,
        listed or says.buildpacks,
        root,
        named,
        manifest_named,
    )


def below(app: App, root: str, entries: list[TreeEntry]) -> list[TreeEntry]:
    """The entries of a directory, their paths as seen from there; all of them for no directory."""
    if not root:
        return entries
    prefix = f"{root}/"
    found = [
        replace(entry, path=entry.path.removeprefix(prefix))
        for entry in entries
        if entry.path.startswith(prefix)
    ]
    if not found:
        raise PaasError(
            f"the commit has no directory {root}, which {app.name} is built from",
            f"commit it, or choose another: paas builder:set {app.name} build-dir ...",
        )
    return found


def with_checks(manifest: str, checks: str) -> str:
    """app.json with what the CHECKS file says of web, unless it says something itself."""
    entries = checks_file.parse(checks)
    document = app_json.load(manifest)
    named = document.get("healthchecks", {})
    if not entries or not isinstance(named, dict) or "web" in named:
        return manifest
    return json.dumps({**document, "healthchecks": {**named, "web": entries}})


def refuse_submodules(entries: list[TreeEntry]) -> None:
    for entry in entries:
        if entry.mode == SUBMODULE:
            raise PaasError(
                f"{entry.path} is a git submodule, and a push does not carry its files",
                f"add the files themselves: git rm --cached {entry.path}; git add {entry.path}",
            )


def refuse_size(platform: Platform, entries: list[TreeEntry]) -> None:
    size = sum(entry.size for entry in entries)
    if size > platform.settings.push_max_bytes:
        raise PaasError(
            f"the commit's files are {size >> 20} MiB; "
            f"at most {platform.settings.push_max_bytes >> 20} MiB are deployed",
            "keep large files out of git, or raise push_max_bytes in the settings",
        )


def refuse_escaping_links(
    platform: Platform, push: Push, entries: list[TreeEntry], root: str
) -> None:
    links = [entry for entry in entries if entry.mode == SYMLINK]
    for entry in links:
        if entry.size >= LINK_BYTES:
            raise PaasError(f"the symbolic link {entry.path[:200]} is {entry.size:,} bytes long")
    what = root or "the repository"
    for entry, target in contents(platform, push, links):
        link = target.decode(errors="replace")
        if escapes(entry.path, link) and not is_interpreter(entry.path, link):
            raise PaasError(
                f"the symbolic link {entry.path} points outside {what}",
                f"link to a file of {what}, or create the link when the app starts",
            )


def escapes(path: str, target: str) -> bool:
    """Whether a link at path leaves the tree: absolute, or with too many `..`."""
    resolved = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return target.startswith("/") or resolved == ".." or resolved.startswith("../")


def is_interpreter(path: str, target: str) -> bool:
    """Whether a link is a virtual environment's to the Python of the machine it was made on.

    The build leaves it out, and tells of the virtual environment.
    """
    absolute = target.startswith("/")
    return absolute and bool(INTERPRETER.search(path) and INTERPRETER.search(target))


def refuse_lfs_pointers(
    platform: Platform, push: Push, everything: list[TreeEntry], entries: list[TreeEntry]
) -> None:
    """LFS keeps the content elsewhere: deploying the pointers would serve three lines of text."""
    attributes = [
        entry
        for entry in everything
        if posixpath.basename(entry.path) == ".gitattributes" and entry.size <= ATTRIBUTES_BYTES
    ]
    if not any(b"filter=lfs" in text for _, text in contents(platform, push, attributes)):
        return
    small = [entry for entry in entries if entry.size in LFS_POINTER_BYTES]
    for entry, text in contents(platform, push, small):
        if text.startswith(LFS_POINTER):
            raise PaasError(
                f"{entry.path} is a Git LFS pointer; its content is not in the push",
                "store the file in git itself (git lfs migrate export), or fetch it in the build",
            )


def contents(
    platform: Platform, push: Push, entries: list[TreeEntry]
) -> Iterator[tuple[TreeEntry, bytes]]:
    """Each of the entries with its content, read by one git however many there are."""
    by_id: dict[str, list[TreeEntry]] = {}
    for entry in entries:
        by_id.setdefault(entry.oid, []).append(entry)
    if by_id:
        for oid, text in platform.repositories.blobs(push.app, by_id, push.environment):
            for entry in by_id[oid]:
                yield entry, text


def content(platform: Platform, push: Push, entry: TreeEntry) -> bytes:
    return platform.repositories.blob(push.app, entry.oid, push.environment, MANIFEST_BYTES)


def manifest_text(
    platform: Platform, push: Push, files: dict[str, TreeEntry], name: str
) -> str | None:
    """A small text file of the tree; None when there is none. A link is refused."""
    entry = files.get(name)
    if entry is None:
        return None
    if entry.mode == SYMLINK:
        raise PaasError(f"{name} is a symbolic link", f"make {name} a regular file")
    if entry.size > MANIFEST_BYTES:
        raise PaasError(f"{name} is {entry.size:,} bytes; at most {MANIFEST_BYTES:,} are read")
    return content(platform, push, entry).decode(errors="replace")


@contextmanager
def tar_of(
    platform: Platform, source: Source, paths: Sequence[str] = (), more: Sequence[str] = ()
) -> Iterator[int]:
    """A descriptor to read a tar of the commit from, or of some paths of it.

    more: options of git archive's that add files of ours.
    """
    push = source.push
    child = platform.repositories.archive(
        push.app, push.new, push.environment, paths, source.root, more
    )
    try:
        assert child.stdout is not None  # noqa: S101 - git archive was asked to write there
        yield child.stdout.fileno()
    finally:
        child.kill()
        child.communicate()


def git_dir(platform: Platform, app: App, push: Push, folder: Path) -> tuple[str, ...]:
    """What adds .git to the files of the commit, where the app wants it; made in the folder."""
    if not policies.keeps_git_dir(platform, app):
        return ()
    if not folder.exists():
        repository = platform.repositories.path(push.app)
        gitdir.make(
            platform.settings,
            platform.runner,
            repository,
            folder,
            push.branch,
            push.new,
            push.environment,
        )
    return tuple(gitdir.options(folder))
