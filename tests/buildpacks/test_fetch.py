"""Fetching other people's buildpacks: what hostile archives can do, which is nothing."""

import http.server
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.buildpacks.sandbox import LIFECYCLE

PROGRAM = b"#!/bin/sh\necho x\n"
PACK = {"bin/detect": PROGRAM, "bin/compile": PROGRAM}


@pytest.fixture
def served() -> Iterator[Callable[[bytes], str]]:
    """Serves some bytes as an archive; its address."""
    content = [b""]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content[0])))
            self.end_headers()
            self.wfile.write(content[0])

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(data: bytes) -> str:
        content[0] = data
        return f"http://127.0.0.1:{server.server_port}/pack.tgz"

    yield serve
    server.shutdown()
    server.server_close()


def archive(*extra: tarfile.TarInfo, data: bytes = b"evil") -> bytes:
    """A pack, gzipped, with members that should not be in one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in PACK.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o755
            tar.addfile(member, io.BytesIO(text))
        for member in extra:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def fetch(sandbox, **pack: str):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    return sandbox.run([*LIFECYCLE, "fetch", "--pack", json.dumps(pack)], [], **folders)


def written(upper: Path) -> set[str]:
    """What the fetch left, without the sandbox's own mount points."""
    own = ("app", "buildpacks", "packs", "cache", "config", "result", ".paas", "etc")
    return {
        str(path.relative_to(upper))
        for path in upper.rglob("*")
        if path.relative_to(upper).parts[0] not in own
    }


@pytest.mark.parametrize(
    "members",
    [
        [member("../../escaped")],
        [member("/escaped"), member("/etc/escaped")],
        [member("link", type=tarfile.SYMTYPE, linkname="/tmp"), member("link/escaped")],
        [member("up", type=tarfile.SYMTYPE, linkname="../.."), member("up/escaped")],
        [member("hard", type=tarfile.LNKTYPE, linkname="/etc/passwd")],
        [member("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0)],
        [member("pipe", type=tarfile.FIFOTYPE)],
        [member("bin/evil", mode=0o6755)],
    ],
    ids=["up", "absolute", "through a link", "through a link up", "hard link", "device", "pipe",
         "setuid"],
)  # fmt: skip
def test_a_hostile_archive_leaves_nothing_outside_and_nothing_special(sandbox, served, members):
    done = fetch(sandbox, kind="archive", address=served(archive(*members)), revision="")
    assert written(done.upper) == set()
    assert "escaped" not in os.listdir(done.upper / "etc")
    for path in (done.upper / "app").rglob("*"):
        mode = path.lstat().st_mode
        assert path.is_symlink() or path.is_dir() or path.is_file(), path
        assert path.is_symlink() or not mode & 0o6000, path
    if done.status:
        assert "is no archive that can be unpacked: " in done.results["error"]["message"]


def test_what_is_fetched_can_be_read_by_all_and_changed_by_nobody_else(sandbox, served):
    data = archive(member("lib", type=tarfile.DIRTYPE, mode=0o700), member("lib/a", mode=0o400))
    done = fetch(sandbox, kind="archive", address=served(data), revision="")
    assert done.status == 0, done.results
    app = done.upper / "app"
    assert (app / "lib").stat().st_mode & 0o777 == 0o755
    assert (app / "lib/a").stat().st_mode & 0o777 == 0o644
    assert (app / "bin/compile").stat().st_mode & 0o777 == 0o755


def test_an_archive_that_has_not_changed_is_not_unpacked(sandbox, served):
    address = served(archive())
    first = fetch(sandbox, kind="archive", address=address, revision="")
    revision = first.results["fetch"]["revision"]
    again = fetch(sandbox, kind="archive", address=address, revision="", known=revision)
    assert again.results["fetch"]["revision"] == revision
    assert not (again.upper / "app").exists()


def test_too_many_files_are_no_buildpack(sandbox, served):
    many = [member(f"f/{n}") for n in range(20_001)]
    done = fetch(sandbox, kind="archive", address=served(archive(*many, data=b"")), revision="")
    assert done.status == 1
    assert "more than 20,000 files" in done.results["error"]["message"]


@pytest.mark.parametrize("address", ["file:///etc", "ext::sh -c id", "ssh://git@127.0.0.1/x"])
def test_git_speaks_nothing_but_http(sandbox, address):
    done = fetch(sandbox, kind="git", address=address, revision="")
    assert done.status == 1
    assert "not allowed" in done.results["error"]["message"]
