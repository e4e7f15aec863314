"""The key by which clients know this machine: made on the first start, kept for ever.

Touches: <state>/ssh/ed25519, readable by root alone.
"""

import os
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paas.errors import PaasError


class HostKey:
    """The key as it is now: a restore brings the old machine's, and known hosts know it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = host_key(directory)
        self._read_from = self._version()

    def now(self) -> paramiko.Ed25519Key:
        """The key, read again when its file is another one."""
        version = self._version()
        if version != self._read_from:
            self._key, self._read_from = host_key(self._directory), version
        return self._key

    def _version(self) -> tuple[int, int]:
        try:
            status = (self._directory / "ed25519").stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_ino, status.st_mtime_ns)


def host_key(directory: Path) -> paramiko.Ed25519Key:
    """The host key in directory, made when there is none; PaasError when it cannot be read."""
    path = directory / "ed25519"
    if not path.exists():
        make(path)
    try:
        return paramiko.Ed25519Key(filename=str(path))
    except (paramiko.SSHException, OSError, ValueError) as error:
        raise PaasError(
            f"the SSH host key {path} cannot be read: {error}",
            "restore it from a backup, or remove it to get a new one (clients will notice)",
        ) from error


def make(path: Path) -> None:
    """A new key, whole on disk or not there at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    data = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
    )
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make a rename in it durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
