"""Hostile sources: servers, repositories and messages that are there to do harm."""

import base64
import contextlib
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN
from tests.e2e.world import AUTHOR, Remote, World

LOGIN = "let-me-in"


@pytest.fixture(scope="module")
def world(platform: Instance) -> Iterator[World]:
    made = World(platform.root / "world")
    try:
        made.begin()
        made.serve(8080)
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def app(platform: Instance, victim: Repository) -> str:
    platform.ok("apps:create", "taker")
    return "taker"


def refused(platform: Instance, *words: str) -> str:
    done = platform.paas(*words)
    assert done.returncode in (1, 2), done.stdout.decode()
    assert b"inside paas" not in done.stderr
    return done.stderr.decode()


def spool(platform: Instance) -> int:
    """How much of it the host has on its own paths."""
    done = subprocess.run(
        ["du", "-sk", str(platform.settings.state_dir / "repos")], capture_output=True
    )
    return int(done.stdout.split()[0])


def test_a_server_that_never_ends_is_left_at_the_limit(platform: Instance, world: World, app: str):
    before = spool(platform)
    said = refused(platform, "git:from-archive", app, f"{world.url}/endless/x.zip")
    assert "larger than 64 MiB" in said
    assert spool(platform) - before < 1024


def crafted(remote: Remote, entries: list[tuple[str, str, bytes]]) -> None:
    """Put a commit with these entries on main, whatever git thinks of them."""

    def git(*words: str, stdin: bytes = b"") -> str:
        done = subprocess.run(
            ["git", f"--git-dir={remote.bare}", *words],
            input=stdin, env=AUTHOR, capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout.decode().strip()

    data = b""
    for mode, name, content in entries:
        kind = "tree" if mode == "40000" else "blob"
        oid = git("hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=content)
        data += f"{mode} {name}\0".encode() + bytes.fromhex(oid)
    tree = git("hash-object", "-t", "tree", "-w", "--stdin", "--literally", stdin=data)
    commit = git("commit-tree", tree, "-m", "crafted")
    git("update-ref", "refs/heads/main", commit)


HOSTILE_TREES = {
    "a folder of git's own": [("40000", ".git", b"")],
    "a name with a slash": [("100644", "a/b", b"x")],
    "a name that leads up": [("40000", "..", b"")],
    "two of one name": [("100644", "a", b"x"), ("100644", "a", b"y")],
    "a submodule's address with a program": [
        ("100644", ".gitmodules", b'[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'),
        ("100644", "x", b"x"),
    ],
    "a link out": [("120000", "link", b"/etc/passwd")],
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE_TREES)
def test_a_hostile_tree_of_a_remote_repository_is_refused_as_a_pushed_one(
    platform: Instance, world: World, app: str, what: str
):
    remote = world.repository(f"hostile-{len(what)}-{abs(hash(what)) % 9999}")
    crafted(remote, HOSTILE_TREES[what])
    said = refused(platform, "git:sync", app, remote.url, "main", "--build")
    assert "git does not take" in said or "points outside" in said, said
    assert platform.json("git:status", app)["branches"] == {}  # type: ignore[index, call-overload]


def test_a_repository_that_is_too_large_is_refused(platform: Instance, world: World, app: str):
    remote = world.repository("large")
    subprocess.run(
        ["dd", "if=/dev/urandom", f"of={remote.path / 'noise'}", "bs=1M", "count=66"],
        check=True, capture_output=True,
    )  # fmt: skip
    remote.commit()
    said = refused(platform, "git:sync", app, remote.url)
    assert "larger than is taken in" in said or "File too large" in said


def test_a_login_is_not_given_to_another_port_or_a_submodules_host(
    platform: Instance, world: World, app: str, tmp_path: Path
):
    """What listens there keeps the first request's head."""
    platform.ok("git:auth", world.address, "ann", LOGIN)
    inner, outer = world.repository("lure-inner"), world.repository("lure")
    commit = inner.commit({"x": "x"})
    url = f"http://{world.address}:8080/private/lure-inner.git"
    outer.commit(PLAIN)
    outer.git("update-index", "--add", "--cacheinfo", f"160000,{commit},part")
    modules = f'[submodule "part"]\n\tpath = part\n\turl = {url}\n'
    (outer.path / ".gitmodules").write_text(modules)
    outer.git("add", ".gitmodules")
    outer.git("commit", "-q", "-m", "x")
    outer.git("push", "-q", str(outer.bare), "HEAD:refs/heads/main")
    before = len(world.logins())
    assert "wants a login" in refused(platform, "git:sync", app, outer.private_url, "main")
    assert "wants a login" in refused(platform, "git:sync", app, url)
    assert "it has moved" in refused(platform, "git:sync", app, f"{world.url}/away/{url}")
    seen = [login for place, login in world.logins()[before:] if place.endswith(":8080")]
    assert seen
    assert set(seen) == {""}
    pair = base64.b64encode(f"ann:{LOGIN}".encode()).decode()
    mine = [login for place, login in world.logins()[before:] if not place.endswith(":8080")]
    assert f"Basic {pair}" in mine  # it was there to be had
    platform.ok("git:auth", world.address)


def test_the_login_is_in_no_command_line_while_it_is_used(
    platform: Instance, world: World, app: str
):
    platform.ok("git:auth", world.address, "ann", LOGIN)
    child = subprocess.Popen(
        [str(platform.checkout / "bin" / "paas"), "git:sync", app, f"{world.url}/hangs/x.git"],
        env=platform.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        mine = f"{world.url}/hangs/x.git"
        while not any("git-remote-http" in line and mine in line for line in command_lines()):
            assert child.poll() is None
        lines = command_lines()
        secret = base64.b64encode(f"ann:{LOGIN}".encode()).decode()
        assert not [line for line in lines if LOGIN in line or secret in line]
    finally:
        child.terminate()
        child.wait()
    platform.ok("git:auth", world.address)


def command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


# -- webhooks --------------------------------------------------------------------------------


def ask(platform: Instance, head: str, host: str = "victim") -> bytes:
    """What comes back for a request as it is written here, to its end."""
    place = ("127.0.0.1", platform.settings.http_port)
    with socket.create_connection(place, 30) as connection:
        domain = platform.settings.domain
        connection.sendall(f"{head}\r\nHost: {host}.{domain}\r\n\r\n".encode())
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # hung up on
            while part := connection.recv(65536):
                answer += part
        return answer


def test_whoever_cannot_sign_learns_nothing_of_apps_and_webhooks(
    platform: Instance, world: World, app: str
):
    platform.ok("git:webhook", app, "--enable")
    answers = {
        ask(platform, f"POST /.paas/webhooks/{name} HTTP/1.0\r\nContent-Length: 0").partition(
            b"\r\n\r\n"
        )[2]
        for name in (app, "victim", "nobody", "No/App", "a" * 3000, "")
    }
    assert len(answers) == 1
    assert b"there is no such webhook" in answers.pop()
    assert ask(platform, f"POST /.paas/webhooks/{app} HTTP/1.0\r\nContent-Length: 0", "x") == b""
    bad = ask(platform, f"POST /.paas/webhooks/{app} HTTP/1.0\r\nContent-Length: 99999999999")
    assert b" 413 " in bad
    platform.ok("git:webhook", app, "--disable")


def test_a_flood_of_messages_is_held_back_and_apps_go_on(platform: Instance, app: str):
    head = f"POST /.paas/webhooks/{app} HTTP/1.0\r\nContent-Length: 0"
    with ThreadPoolExecutor(10) as senders:
        answers = list(senders.map(lambda _: ask(platform, head), range(60)))
    statuses = {one.split(b" ")[1] for one in answers}
    assert statuses == {b"404", b"429"}
    assert platform.get("victim").text == "the victim's page"
