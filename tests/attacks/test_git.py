"""Hostile pushes: what git carries, and what is asked of git by name."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN


def git(repository: Repository, *argv: str, stdin: bytes = b"") -> str:
    done = subprocess.run(
        ["git", "-C", str(repository.path), *argv], input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def snapshot(path: Path) -> dict[str, bytes]:
    """What of a bare repository decides how git behaves in it."""
    files = [path / "config", *(path / "info").rglob("*"), *(path / "hooks").rglob("*")]
    return {str(one): one.read_bytes() for one in files if one.is_file()}


@pytest.fixture(scope="module")
def pusher(platform: Instance, victim: Repository) -> Repository:
    repository = platform.repository("pusher")
    repository.deploy({**PLAIN, "page.txt": "first"})
    return repository


@pytest.fixture(autouse=True)
def the_repository_behaves_as_before(platform: Instance, pusher: Repository):
    path = platform.settings.state_dir / "repos" / "pusher.git"
    before = snapshot(path)
    yield
    assert snapshot(path) == before
    assert platform.get("pusher").status_code == 200


def pushed_tree(repository: Repository, tree: str) -> subprocess.CompletedProcess[bytes]:
    commit = git(
        repository, "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", tree, "-m", "x"
    )
    return repository.push(f"{commit}:refs/heads/main", "--force")


def blob(repository: Repository, content: bytes) -> str:
    return git(repository, "hash-object", "-w", "--stdin", stdin=content)


def tree(repository: Repository, *entries: str) -> str:
    return git(
        repository,
        "mktree",
        "-z",
        "--missing",
        stdin="".join(f"{one}\0" for one in entries).encode(),
    )


def test_a_tree_of_billions_of_files_is_refused_unread(platform: Instance, pusher: Repository):
    one = blob(pusher, b"x")
    at = tree(pusher, *(f"100644 blob {one}\tf{n}" for n in range(10)))
    for _ in range(9):
        at = tree(pusher, *(f"040000 tree {at}\td{n}" for n in range(10)))
    began = time.monotonic()
    done = pushed_tree(pusher, at)
    assert done.returncode != 0
    assert b"files; at most 200,000 are deployed" in done.stderr
    assert time.monotonic() - began < 200  # and not hours


def test_very_many_links_are_judged_in_seconds(platform: Instance, pusher: Repository):
    """One git for each would hold the app's lock for minutes."""
    links = [(n, blob(pusher, f"f{n}".encode()) if n < 50 else None) for n in range(20000)]
    oids = [oid for _, oid in links if oid]
    bad = blob(pusher, b"/etc/passwd")
    entries = [f"120000 blob {oids[n % len(oids)]}\tl{n:05}" for n, _ in links]
    began = time.monotonic()
    done = pushed_tree(pusher, tree(pusher, *entries, f"120000 blob {bad}\tz"))
    assert b"the symbolic link z points outside" in done.stderr
    assert time.monotonic() - began < 60


def test_a_blob_that_unfolds_beyond_the_limit_is_refused(platform: Instance, pusher: Repository):
    (pusher.path / "zeros").write_bytes(bytes(200 << 20))
    oid = git(pusher, "hash-object", "-w", "zeros")
    (pusher.path / "zeros").unlink()
    done = pushed_tree(pusher, tree(pusher, f"100644 blob {oid}\tzeros"))
    assert done.returncode != 0
    assert b"at most 64 MiB are deployed" in done.stderr


NAMES = [".git", ".GIT", ".git ", "git~1", ".g\u200cit", "..", "."]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_would_be_gits_own_is_refused(
    platform: Instance, pusher: Repository, name: str
):
    config = blob(pusher, b"[core]\n\tfsmonitor = id")
    inner = tree(pusher, f"100644 blob {config}\tconfig")
    try:
        outer = tree(pusher, f"040000 tree {inner}\t{name}")
    except subprocess.CalledProcessError:
        pytest.skip("git here does not even make it")
    done = pushed_tree(pusher, outer)
    said = done.stderr.decode()
    assert done.returncode != 0 or "Application deployed" in said
    if name in (".git", ".GIT", "git~1", "..", "."):
        assert done.returncode != 0


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'),
        (".gitmodules", '[submodule "../../x"]\n\tpath = x\n\turl = ext::sh -c id\n'),
    ],
)
def test_hostile_submodule_settings_are_refused(
    platform: Instance, pusher: Repository, path: str, text: str
):
    entry = f"100644 blob {blob(pusher, text.encode())}\t{path}"
    done = pushed_tree(pusher, tree(pusher, entry))
    assert done.returncode != 0
    assert b"gitmodules" in done.stderr


def test_hooks_and_attributes_in_a_tree_are_only_files(platform: Instance, pusher: Repository):
    mark = platform.root / "planted"
    hook = f"#!/bin/sh\ntouch {mark}\n"
    planted = {
        **PLAIN,
        "hooks/pre-receive": hook,
        "hooks/post-receive": hook,
        "info/attributes": "* filter=x\n",
        "config": f"[core]\n\tfsmonitor = touch {mark}\n",
        ".gitattributes": "* filter=x export-ignore\npage.txt export-subst\n",
        "page.txt": "$Format:%H$",
    }
    pusher.deploy(planted)
    assert platform.get("pusher").text == "$Format:%H$"
    assert not mark.exists()


ODD_NAMES = [
    "-rf",
    "--help",
    "new\nline",
    "esc\x1b[31m",
    "quo'te\"",
    "a" * 255,
    "\u202eevil",
    "$(id)",
    "%s%n",
    "back\\slash",
]


def test_files_of_any_name_are_deployed_as_they_are(platform: Instance, pusher: Repository):
    for name in ODD_NAMES:
        (pusher.path / name).write_text(name)
    os.close(os.open(os.fsencode(pusher.path) + b"/\xff\xfe", os.O_CREAT | os.O_WRONLY, 0o644))
    said = pusher.deploy({})
    assert "\x1b[31m" not in said
    listing = platform.ok(
        "run", "pusher", "--", "python3", "-c", "import os; print(sorted(os.listdir('.')))"
    )
    for name in ODD_NAMES:
        assert repr(name)[1:-1] in listing, name


def test_a_link_of_an_odd_name_is_named_without_its_escapes(platform: Instance, pusher: Repository):
    oid = blob(pusher, b"/etc/passwd")
    done = pushed_tree(pusher, tree(pusher, f"120000 blob {oid}\tl\x1b]0;owned\x07\n !     fake"))
    assert b"points outside" in done.stderr
    assert b"\x1b]" not in done.stderr
    assert b"\x07" not in done.stderr


REFS = [
    "refs/heads/-x",
    "refs/tags/v1",
    "refs/notes/x",
    "refs/paas/x",
    "refs/heads/../x",
    "refs/heads/x.lock",
    "refs/replace/" + "1" * 40,
]


@pytest.mark.parametrize("ref", REFS)
def test_a_ref_that_is_no_branch_is_refused(platform: Instance, pusher: Repository, ref: str):
    before = pusher.git("ls-remote", "paas").stdout
    assert pusher.push(f"main:{ref}").returncode != 0
    assert pusher.git("ls-remote", "paas").stdout == before


def test_a_branch_is_not_deleted(platform: Instance, pusher: Repository):
    assert pusher.push(":refs/heads/main").returncode != 0


@pytest.mark.parametrize(
    "words",
    [
        "git-receive-pack '/../victim.git/../../x'",
        "git-upload-pack '../victim'",
        "git-upload-pack '/etc'",
        "git-upload-pack --upload-pack=id victim",
        "git-upload-pack '--strict'",
        "git-receive-pack 'victim\nid'",
        "git-upload-archive 'victim'",
        "git-shell -c id",
        "git daemon --base-path=/",
        "git-receive-pack 'a;id'",
        "git-receive-pack $(id)",
        "git -c core.sshCommand=id fetch",
    ],
)
def test_git_is_asked_for_nothing_but_an_apps_repository(
    platform: Instance, pusher: Repository, words: str
):
    done = platform.ssh(words)
    assert done.returncode != 0
    assert b"uid=" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
