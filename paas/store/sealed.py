"""Secrets that are only ever handed on: kept sealed, so that a copy of the database tells none.

Touches: one key file (0600), made when it is first needed. Source: Fernet
(AES-128-CBC with HMAC-SHA256), of the cryptography package.
"""

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from paas.errors import PaasError


class Seal:
    """Seals and opens texts with the instance's key."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    def close(self, text: str) -> str:
        """The text as the database may keep it."""
        return Fernet(self._key()).encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text again; PaasError when it was sealed with another key."""
        try:
            return Fernet(self._key()).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise PaasError(
                f"a secret cannot be read: it was sealed with another key than {self._key_file}",
                "bring that file back from a backup, or enter the secret again",
            ) from error

    def _key(self) -> bytes:
        """The key; of two who make it at once one wins, and both use that one's."""
        if not self._key_file.exists():
            draft = self._key_file.with_name(f".{self._key_file.name}.{os.getpid()}.{id(self)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, self._key_file)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return self._key_file.read_bytes()
