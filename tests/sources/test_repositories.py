"""Repositories of others, fetched over http from a server here, onto what an app has already."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.buildpacks.sandbox import held_port
from tests.e2e.world import AUTHOR
from tests.sources.conftest import Reader

WEB = Path(__file__).parents[1] / "e2e" / "web.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("world")
    (made / "git").mkdir()
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with held_port() as port:
        server = subprocess.Popen([sys.executable, WEB, folder, str(port)])
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/git"
        server.kill()
        server.wait()


class Theirs:
    """A repository and its working copy."""

    def __init__(self, folder: Path, name: str) -> None:
        self.bare, self.path = folder / "git" / f"{name}.git", folder / name
        argv = ["git", "init", "-q", "-b", "main"]
        subprocess.run([*argv, "--bare", str(self.bare)], check=True, env=AUTHOR)
        subprocess.run([*argv, str(self.path)], check=True, env=AUTHOR)

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *words], check=True, env=AUTHOR, capture_output=True
        )
        return done.stdout.decode().strip()

    def commit(self, links: dict[str, str] | None = None, **files: str) -> str:
        """links: submodules' paths and commits."""
        for name, text in files.items():
            (self.path / name).write_text(text)
            self.git("add", name)
        for path, oid in (links or {}).items():
            self.git("update-index", "--add", "--cacheinfo", f"160000,{oid},{path}")
        if (self.path / ".gitmodules").exists():
            self.git("add", ".gitmodules")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        self.git("push", "-q", str(self.bare), "main")
        return self.git("rev-parse", "HEAD")

    def name(self, *modules: tuple[str, str]) -> None:
        text = "".join(f'[submodule "{p}"]\n\tpath = {p}\n\turl = {u}\n' for p, u in modules)
        (self.path / ".gitmodules").write_text(text)


def fetch(reader: Reader, url: str, **changes: Any) -> dict[str, Any]:
    options = {
        "url": url, "ref": "", "have": {}, "known": "", "shallow": "", "submodule_hosts": None,
        "logins": [], "bytes": 8 << 20, "entries": 2000, "near": {},
    }  # fmt: skip
    return reader.run("fetch", {**options, **changes})


def packed(reader: Reader) -> int:
    """How many objects came out (gitformat-pack(5))."""
    return int.from_bytes((reader.place / "pack").read_bytes()[8:12])


def has_already(reader: Reader, repository: Path) -> None:
    """Have the reader see a repository's objects as the app's."""
    (reader.place / "objects").symlink_to(repository / "objects")


def test_the_default_branch_is_found_and_what_is_known_is_not_fetched(reader, folder, url):
    theirs = Theirs(folder, "plain")
    commit = theirs.commit(a="1", b="2")
    found = fetch(reader, f"{url}/plain.git")
    assert found == {"commit": commit, "whole": commit, "name": "main", "changed": True}
    assert packed(reader) == 4
    again = fetch(reader, f"{url}/plain.git", known=commit)
    assert again == {"commit": commit, "name": "main", "changed": False}


def test_only_what_is_new_comes(reader, folder, url):
    theirs = Theirs(folder, "grows")
    first = theirs.commit(**{f"file{n}": str(n) for n in range(30)})
    ours = folder / "ours-grows"
    subprocess.run(["git", "clone", "-q", "--bare", str(theirs.bare), str(ours)], check=True)
    second = theirs.commit(file1="changed")
    has_already(reader, ours)
    assert fetch(reader, f"{url}/grows.git", have={"main": first})["commit"] == second
    assert packed(reader) == 3


def test_a_shallow_history_is_built_upon(reader, folder, url):
    theirs = Theirs(folder, "deep")
    for n in range(3):
        tip = theirs.commit(a=str(n))
    ours = folder / "ours-deep"
    argv = ["git", "clone", "-q", "--bare", "--depth", "1", theirs.bare.as_uri(), str(ours)]
    subprocess.run(argv, check=True)
    second = theirs.commit(a="new")
    has_already(reader, ours)
    shallow = (ours / "shallow").read_text()
    found = fetch(reader, f"{url}/deep.git", have={"main": tip}, shallow=shallow)
    assert found["commit"] == second
    assert packed(reader) == 3


def test_submodules_in_submodules_come_from_relative_addresses_the_same_every_time(
    reader, folder, url
):
    leaf, middle, top = (Theirs(folder, name) for name in ("leaf", "middle", "top"))
    oid = leaf.commit(leaf="leaf")
    middle.name(("in/leaf", "../leaf.git"))
    oid = middle.commit({"in/leaf": oid}, middle="middle")
    top.name(("lib", "../middle.git"))
    commit = top.commit({"lib": oid}, top="top")
    found = fetch(reader, f"{url}/top.git")
    assert found["commit"] == commit
    assert reader.files(found["whole"]).keys() >= {"top", "lib/middle", "lib/in/leaf/leaf"}
    assert reader.git("rev-parse", f"{found['whole']}^").strip() == commit
    time.sleep(1.1)  # a commit made later would have another time in it
    (reader.place / "pack").unlink()
    subprocess.run(["rm", "-r", str(reader.place / "repository")], check=True)
    assert fetch(reader, f"{url}/top.git")["whole"] == found["whole"]


def test_a_submodule_that_is_in_itself_is_refused(reader, folder, url):
    theirs = Theirs(folder, "mirror")
    theirs.name(("again", f"{url}/mirror.git"))
    oid = theirs.commit(a="1")
    for _ in range(8):
        oid = theirs.commit({"again": oid})
    assert fetch(reader, f"{url}/mirror.git") == {}
    assert "one too many" in reader.told["message"]


MODULES = {
    "": "no .gitmodules",
    '[submodule "x"]\n\tpath = other\n\turl = ../plain.git\n': "does not say where",
    '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n': "only http, https and ssh",
    '[submodule "x"]\n\tpath = x\n\turl = file:///etc\n': "only http, https and ssh",
    '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c id\n': "only http, https and ssh",
    '[submodule "x"]\n\tpath = x\n\turl = ssh://-oProxyCommand=id/x\n': "only http, https and ssh",
    '[submodule "x"]\n\tpath = x\n\turl = http://a:b@h.example.com/x\n': "has a login in it",
    '[submodule "x"]\n\tpath = x\n\turl = http://192.0.2.1/x\n': "is no host that submodules",
    "[submodule": "git config failed",
}


@pytest.mark.parametrize("text", MODULES)
def test_submodules_that_cannot_be_are_refused(reader, folder, url, text):
    theirs = Theirs(folder, f"odd-{list(MODULES).index(text)}")
    if text:
        (theirs.path / ".gitmodules").write_text(text)
    theirs.commit({"x": "1" * 40})
    assert fetch(reader, f"{url}/{theirs.bare.name}", submodule_hosts=[]) == {}
    assert MODULES[text] in reader.told["message"]


def test_a_repository_that_is_empty_or_absent_is_told(reader, folder, url):
    Theirs(folder, "empty")
    assert fetch(reader, f"{url}/empty.git") == {}
    assert "has no commit yet" in reader.told["message"]
    assert fetch(reader, f"{url}/absent.git") == {}
    assert "no such repository" in reader.told["message"]
