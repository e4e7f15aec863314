import base64
import struct
import subprocess
from pathlib import Path

import pytest

from paas.errors import PaasError, UsageError
from paas.model.caller import Role
from paas.store.store import Store


def generate(tmp_path: Path, kind: str, *options: str) -> tuple[str, str]:
    """A key made by ssh-keygen, and the fingerprint it gives it."""
    path = tmp_path / kind
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "me@home", "-f", str(path)],
        check=True,
    )
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{path}.pub"], capture_output=True, check=True, text=True
    )
    return Path(f"{path}.pub").read_text(), shown.stdout.split()[1]


@pytest.mark.parametrize(
    ("kind", "options"),
    [("ed25519", ()), ("rsa", ("-b", "2048")), ("ecdsa", ("-b", "384"))],
)
def test_a_good_key_is_found_by_the_fingerprint_ssh_keygen_prints(
    store: Store, tmp_path: Path, kind: str, options: tuple[str, ...]
):
    text, fingerprint = generate(tmp_path, kind, *options)
    added = store.keys.add("me", text)
    assert added.fingerprint == fingerprint
    assert store.keys.find(fingerprint) == added
    assert (added.comment, added.roles) == ("me@home", frozenset({Role.ADMIN}))


def test_a_key_and_its_name_are_let_in_once(store: Store, tmp_path: Path):
    text, fingerprint = generate(tmp_path, "ed25519")
    store.keys.add("me", text)
    with pytest.raises(PaasError, match="there already, as me"):
        store.keys.add("other", text)
    another, _ = generate(tmp_path, "ecdsa")
    with pytest.raises(PaasError, match="a key named me is there already"):
        store.keys.add("me", another)
    assert [key.fingerprint for key in store.keys.list()] == [fingerprint]


def test_a_removed_key_stays_out(store: Store, tmp_path: Path):
    text, fingerprint = generate(tmp_path, "ed25519")
    store.keys.add("me", text)
    store.keys.remove(fingerprint)
    assert store.keys.find(fingerprint) is None
    with pytest.raises(PaasError, match="there is no key me"):
        store.keys.remove("me")


def test_a_weak_rsa_key_is_refused_with_its_size(store: Store, tmp_path: Path):
    text, _ = generate(tmp_path, "rsa", "-b", "1024")
    with pytest.raises(UsageError, match="1024 bits is too weak"):
        store.keys.add("me", text)


def test_a_private_key_is_refused_and_not_repeated(store: Store, tmp_path: Path):
    generate(tmp_path, "ed25519")
    text = (tmp_path / "ed25519").read_text()
    with pytest.raises(UsageError, match="private key") as error:
        store.keys.add("me", text)
    assert text.splitlines()[2] not in str(error.value) + error.value.hint


def wire(*parts: bytes) -> str:
    return base64.b64encode(b"".join(struct.pack(">I", len(one)) + one for one in parts)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "ssh-ed25519",
        "ssh-ed25519 not-base64!",
        f"ssh-ed25519 {wire(b'ssh-ed25519', b'short')}",
        f"ssh-ed25519 {wire(b'ssh-rsa', b'x' * 32)}",
        f"ssh-rsa {wire(b'ssh-rsa', b'e')}",
        f"ecdsa-sha2-nistp256 {wire(b'ecdsa-sha2-nistp256')}",
        f"ssh-dss {wire(b'ssh-dss', b'x')}",
        f'command="rm -rf /" ssh-ed25519 {wire(b"ssh-ed25519", b"x" * 32)}',
        f"ssh-ed25519 {wire(b'ssh-ed25519', b'x' * 32)}\nssh-ed25519 second",
        f"ssh-ed25519 {wire(b'ssh-ed25519', b'x' * 32)} \x1b[31mred",
        f"ssh-ed25519-cert-v01@openssh.com {wire(b'x')}",
        "ssh-ed25519 " + "A" * 100_000,
    ],
)
def test_what_is_no_good_key_is_refused(store: Store, text: str):
    with pytest.raises(UsageError):
        store.keys.add("me", text)
    assert store.keys.list() == []
