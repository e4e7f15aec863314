import subprocess
from pathlib import Path

import pytest

from tests.commands.conftest import ROOT, Admin


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id_ed25519"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@home", "-f", str(path)]
    subprocess.run(command, check=True)
    return Path(f"{path}.pub")


def test_a_key_from_standard_input_is_let_in_and_listed(admin: Admin, key: Path):
    printed = admin.ok("ssh-keys:add", "me", stdin=key.read_bytes()).strip()
    assert printed.startswith("SHA256:")
    (listed,) = admin("ssh-keys:list", "--format", "json").json()
    assert (listed["name"], listed["fingerprint"], listed["comment"]) == ("me", printed, "me@home")
    assert printed in admin.ok("ssh-keys:list")
    assert "there is no key other" in admin.fails("ssh-keys:list", "other").err


def test_a_key_file_is_read_for_local_root_only(admin: Admin, key: Path):
    said = admin.fails("ssh-keys:add", "me", str(key))
    assert "only for the machine's own root" in said.err
    admin.ok("ssh-keys:add", "me", str(key), caller=ROOT)
    assert "not an absolute path" in admin.fails("ssh-keys:add", "x", "a.pub", caller=ROOT).err
    assert "No such file" in admin.fails("ssh-keys:add", "x", "/none.pub", caller=ROOT).err


def test_a_private_key_is_refused_and_not_repeated(admin: Admin, key: Path):
    private = key.with_suffix("").read_bytes()
    said = admin.fails("ssh-keys:add", "me", stdin=private)
    assert "private key" in said.err
    assert private.splitlines()[1].decode() not in said.err


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xfe", b"x" * 100_000])
def test_what_is_no_key_is_refused(admin: Admin, data: bytes):
    admin.fails("ssh-keys:add", "me", stdin=data)
    assert admin("ssh-keys:list", "--format", "json").json() == []


def test_a_key_is_shut_out_by_name_or_fingerprint(admin: Admin, key: Path):
    for by in ("name", "fingerprint"):
        printed = admin.ok("ssh-keys:add", "me", stdin=key.read_bytes()).strip()
        words = ("me",) if by == "name" else ("--fingerprint", printed)
        admin.ok("ssh-keys:remove", *words)
        assert admin.platform.store.keys.find(printed) is None
    assert "there is no key me" in admin.fails("ssh-keys:remove", "me").err
    assert "name or its --fingerprint" in admin.fails("ssh-keys:remove").err
