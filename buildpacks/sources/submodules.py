"""Submodules: other repositories that a commit names become folders of its own tree.

An app is built from one tree, so a commit with submodules gets a commit on top of it that
has their files. It is the same one for the same commit, whoever makes it and whenever.
Sources: gitmodules(5), git-submodule(1) for relative addresses.
"""

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from lifecycle import say
from lifecycle.say import Failure

from sources import repository
from sources.download import refuse_inward
from sources.place import parsed

if TYPE_CHECKING:
    from sources.remote import Remote

SETTINGS = ".gitmodules"
SETTINGS_BYTES = 1 << 20
DEPTH, COUNT = 5, 100
RELATIVE = ("./", "../")
SUBJECT = "With the files of its submodules"


class Submodule(NamedTuple):
    """Where a submodule is to be, at which commit of which repository."""

    path: str
    commit: str
    url: str


def inlined(remote: "Remote", url: str, commit: str) -> str:
    """The commit itself, or where it has submodules one with their files."""
    entries = whole_tree(remote, url, commit, 0, [])
    if entries is None:
        return commit
    tree = written(entries)
    when = repository.git("log", "-1", "--format=%ct", commit)
    signature = f"paas <paas@localhost> {when} +0000"
    return repository.commit(tree, [commit], [signature, signature], f"{SUBJECT}\n\nOf {commit}")


def whole_tree(
    remote: "Remote", url: str, commit: str, depth: int, seen: list[str]
) -> list[str] | None:
    """Lines of `git update-index -z --index-info` for a commit and all below; None: it has none."""
    listing = repository.git("ls-tree", "-r", "-z", "--full-tree", commit)
    lines = [line for line in listing.split("\0") if line]
    found = {path: oid for mode, oid, path in map(split, lines) if mode == "160000"}
    if not found:
        return None if depth == 0 else lines
    addresses = urls(commit)
    result = [line for line in lines if split(line)[2] not in found]
    for path, oid in found.items():
        one = Submodule(path, oid, absolute(url, path, addresses))
        result += below(path, fetched(remote, one, depth + 1, seen))
    return result


def split(line: str) -> tuple[str, str, str]:
    """Mode, object and path of a line of `git ls-tree`."""
    head, _, path = line.partition("\t")
    mode, _, oid = head.split()
    return mode, oid, path


def below(path: str, lines: list[str]) -> list[str]:
    return [f"{head}\t{path}/{name}" for head, _, name in (line.partition("\t") for line in lines)]


def fetched(remote: "Remote", one: Submodule, depth: int, seen: list[str]) -> list[str]:
    """All lines of a submodule's tree, its own submodules' too."""
    seen.append(one.path)
    if depth > DEPTH or len(seen) > COUNT:
        raise Failure(
            f"the submodule {one.path} is one too many: {COUNT} at most, {DEPTH} in each other",
            "keep the files themselves in the repository",
        )
    try:
        place = parsed(one.url)
        remote.allow(place)
        refuse_inward(place.host, place.port)
        say.detail(f"submodule {one.path} ({one.commit[:8]})")
        remote.take(place, one.commit)
    except Failure as failure:
        raise Failure(f"the submodule {one.path}: {failure.message}", failure.hint) from None
    return whole_tree(remote, one.url, one.commit, depth, seen) or []


def urls(commit: str) -> dict[str, str]:
    """Addresses of submodules by their paths, as .gitmodules has them."""
    blob = f"{commit}:{SETTINGS}"
    status, size, _ = repository.ask(("cat-file", "-s", blob))
    if status or int(size) > SETTINGS_BYTES:
        raise Failure(
            "the commit has submodules and no .gitmodules that says where they are",
            "commit .gitmodules too",
        )
    words = ("config", "--blob", blob, "--null", "--get-regexp", r"^submodule\..*\.(path|url)$")
    text = repository.git(*words)
    values: dict[str, dict[str, str]] = {}
    for line in text.split("\0"):
        key, _, value = line.partition("\n")
        if match := re.fullmatch(r"submodule\.(.*)\.(path|url)", key, re.DOTALL):
            values.setdefault(match[1], {})[match[2]] = value
    return {one["path"]: one["url"] for one in values.values() if len(one) == 2}


def absolute(base: str, path: str, addresses: dict[str, str]) -> str:
    """A submodule's address; one that is relative goes from the repository's own."""
    url = addresses.get(path)
    if not url:
        raise Failure(f".gitmodules does not say where the submodule {path} is", "add its url")
    if not url.startswith(RELATIVE):
        return url
    if "://" not in base:
        host, _, folder = base.partition(":")
        return f"{host}:{posixpath.normpath(posixpath.join(folder, url))}"
    parts = urlsplit(base)
    folder = posixpath.normpath(posixpath.join(parts.path, url))
    return urlunsplit((parts.scheme, parts.netloc, folder, "", ""))


def written(lines: list[str]) -> str:
    """The tree of these lines."""
    index = {"GIT_INDEX_FILE": f"{repository.FOLDER}/index-of-all"}
    given = "".join(f"{line}\0" for line in lines).encode(errors="surrogateescape")
    for words, data in (
        (("update-index", "-z", "--index-info"), given),
        (("write-tree",), b""),
    ):
        status, output, said = repository.ask(words, data, index)
        if status:
            raise Failure(f"the submodules do not fit together: {repository.reason(said)}")
    return output.decode().strip()
