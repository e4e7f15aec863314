"""`paas deploy`: which files of a directory go along, and where they are sent."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
CLIENT = HOUSE / "bin" / "paas-deploy"
# stands in for ssh: keeps what it was told and what was sent
SSH = """#!/bin/sh
printf '%s\\n' "$@" > "$OUT/words"
cat > "$OUT/sent"
exit 7
"""


@pytest.fixture
def sent(tmp_path):
    """Deploys a directory over a stand-in for ssh: its words and the archive's members."""
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)

    def deploy(directory: Path, *words: str, host: str = "paas@example.com:2022"):
        environment = {**os.environ, "OUT": str(tmp_path), "PAAS_SSH": str(ssh), "PAAS_HOST": host}
        done = subprocess.run(
            [sys.executable, CLIENT, str(directory), *words], env=environment, capture_output=True
        )
        assert done.returncode == 7, done.stderr
        with tarfile.open(tmp_path / "sent") as archive:
            return (tmp_path / "words").read_text().splitlines(), archive.getmembers()

    return deploy


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


IGNORED = """\
*.pyc
node_modules/
/build
*.log
!keep.log
docs/**/draft.md
/top.txt
\\#literal
temp?/
[ab].txt
trailing\\ space\\\x20
a/**/z
**/cache
"""
NAMES = (
    "app.py", "a.pyc", "lib/b.pyc", "node_modules/x/y.js", "web/node_modules/z.js", "build/out",
    "web/build/kept", "x.log", "keep.log", "logs/y.log", "docs/draft.md", "docs/d/e/draft.md",
    "docs/final.md", "top.txt", "web/top.txt", "#literal", "temp1/x", "temp/x", "a.txt", "c.txt",
    "a/z", "a/b/c/z", "a/b/c/y", "web/cache/x", "cache", "sp ace/file",
)  # fmt: skip


def test_what_gitignore_leaves_out_is_what_git_itself_would(tmp_path, sent):
    root = tree(tmp_path / "app", *NAMES)
    (root / ".gitignore").write_text(IGNORED)
    tree(root, "web/deep/x.tmp", "web/deep/keep.tmp")
    (root / "web" / ".gitignore").write_text("*.tmp\n!/deep/keep.tmp\n")
    subprocess.run(["git", "init", "-q", root], check=True)
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-coz", "--exclude-standard"],
        check=True, capture_output=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
    ).stdout.decode()  # fmt: skip
    _, members = sent(root, "--app", "blog")
    assert sorted(one.name for one in members) == sorted(listed.split("\0")[:-1])


def test_our_own_ignore_files_have_the_last_word(tmp_path, sent):
    root = tree(tmp_path / "app", "built.js", "tests/x", "notes.md", "app.js")
    (root / ".gitignore").write_text("built.js\n")
    (root / ".paasignore").write_text("!built.js\ntests\n")
    (root / ".slugignore").write_text("notes.md\n")
    _, members = sent(root, "--app", "blog")
    names = {one.name for one in members}
    assert {"built.js", "app.js"} <= names
    assert not {"tests/x", "notes.md"} & names


def test_links_and_programs_stay_what_they_are_and_sockets_stay_here(tmp_path, sent):
    root = tree(tmp_path / "app", "run", "page")
    (root / "run").chmod(0o700)
    (root / "link").symlink_to("page")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(root / "socket"))
        _, members = sent(root, "--app", "blog")
    found = {one.name: one for one in members}
    assert set(found) == {"run", "page", "link"}
    assert found["run"].mode == 0o755
    assert found["page"].mode == 0o644
    assert found["link"].linkname == "page"


def test_the_host_port_and_app_are_what_was_said(tmp_path, sent):
    words, _ = sent(tree(tmp_path / "app", "x"), "--app=blog", "--quiet")
    assert words == ["-p", "2022", "paas@example.com", "--quiet deploy blog"]
    words, _ = sent(tmp_path / "app", "--app=blog", host="example.com")
    assert words == ["-p", "2222", "paas@example.com", "deploy blog"]


def test_the_app_is_the_remotes_or_the_directorys_name(tmp_path, sent):
    root = tree(tmp_path / "My Shop", "x")
    assert sent(root)[0][-1] == "deploy my-shop"
    subprocess.run(["git", "init", "-q", root], check=True)
    url = "ssh://paas@example.com:2222/blog"
    subprocess.run(["git", "-C", root, "remote", "add", "paas", url], check=True)
    assert sent(root)[0][-1] == "deploy blog"


@pytest.mark.parametrize("words", [["/nonexistent"], [".", "extra"], ["--what"],
                                   [".", "--app", "-x"], [".", "--app", "a;id"]])  # fmt: skip
def test_wrong_words_are_refused_before_anything_is_sent(words):
    done = subprocess.run([sys.executable, CLIENT, *words], capture_output=True, cwd="/tmp")
    assert done.returncode == 2
    assert done.stderr.startswith(b" !     ")


def test_the_plain_client_hands_over_to_it_and_sends_what_comes_back(tmp_path):
    """To the door goes `deploy APP`, with the archive as standard input."""
    tree(tmp_path / "app", "x")
    door = tmp_path / "door.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(door))
        listener.listen()
        environment = {**os.environ, "PAAS_SOCKET": str(door)}
        environment.pop("PAAS_HOST", None)
        client = subprocess.Popen(
            [HOUSE / "bin" / "paas", "deploy", tmp_path / "app", "--app", "blog"],
            env=environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        listener.settimeout(60)
        connection, _ = listener.accept()
        with connection:
            line, descriptors, _, _ = socket.recv_fds(connection, 65536, 3)
            assert json.loads(line)["argv"] == ["deploy", "blog"]
            with os.fdopen(descriptors[0], "rb") as stream:
                data = stream.read()
            connection.sendall(b'{"exit": 3}\n')
        assert client.wait(60) == 3
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["x"]
