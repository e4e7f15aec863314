"""SSH public keys: which are good enough to let in, and how each is named.

Pure. Formats: sshd(8) "AUTHORIZED_KEYS FILE FORMAT", RFC 4253 section 6.6, RFC 5656, RFC 8709.
"""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from datetime import datetime

from paas.errors import UsageError
from paas.model.caller import Role

RSA_BITS = 2048
LENGTH_LIMIT = 16384
# how long the public point or key must be, by type (RFC 5656 section 3.1, RFC 8709 section 4)
POINT_BYTES = {
    "ssh-ed25519": 32,
    "sk-ssh-ed25519@openssh.com": 32,
    "ecdsa-sha2-nistp256": 65,
    "sk-ecdsa-sha2-nistp256@openssh.com": 65,
    "ecdsa-sha2-nistp384": 97,
    "ecdsa-sha2-nistp521": 133,
}
TYPES = ("ssh-rsa", *POINT_BYTES)
EXAMPLE = "give one line as in ~/.ssh/id_ed25519.pub: ssh-ed25519 AAAA... comment"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One line of authorized_keys, taken apart. blob is base64, without line ends."""

    type: str
    blob: str
    comment: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:...`, as ssh-keygen -l prints it."""
        return fingerprint(base64.b64decode(self.blob))


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that may come in, under the name it was added with."""

    name: str
    type: str
    blob: str
    fingerprint: str
    comment: str
    roles: frozenset[Role]
    created_at: datetime


def fingerprint(blob: bytes) -> str:
    """`SHA256:...` of a key's wire form."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def parse(text: str) -> PublicKey:
    """The key of one line; UsageError saying what is wrong, without repeating the text."""
    line = text.strip()
    if "PRIVATE KEY" in line:
        raise UsageError(
            "that is a private key; keep it to yourself and make a new one if others saw it",
            "give the public half, the file ending in .pub",
        )
    if not line or len(line) > LENGTH_LIMIT or not line.isprintable():
        raise UsageError("that is not one public key", EXAMPLE)
    kind, _, rest = line.partition(" ")
    blob, _, comment = rest.strip().partition(" ")
    if kind not in TYPES:
        raise UsageError(refusal(kind), "make a good one: ssh-keygen -t ed25519")
    check(kind, decode(blob))
    return PublicKey(kind, blob, comment.strip())


def refusal(kind: str) -> str:
    if kind == "ssh-dss":
        return "keys of type ssh-dss are too weak"
    if kind.endswith("-cert-v01@openssh.com"):
        return "certificates are not taken, only plain public keys"
    return "that does not begin with the type of a public key"


def decode(blob: str) -> bytes:
    try:
        return base64.b64decode(blob, validate=True)
    except binascii.Error as error:
        raise UsageError("the key is damaged: its second word is not base64", EXAMPLE) from error


def check(kind: str, blob: bytes) -> None:
    """Raise UsageError unless the wire form is whole, of the type it says, and strong enough."""
    parts = fields(blob)
    if not parts or parts[0] != kind.encode():
        raise UsageError("the key is damaged: it is not of the type it says", EXAMPLE)
    if kind == "ssh-rsa":
        check_rsa(parts)
        return
    point = parts[2 if "ecdsa" in kind else 1] if len(parts) > 2 or "ecdsa" not in kind else b""
    if len(point) != POINT_BYTES[kind]:
        raise UsageError("the key is damaged: it has the wrong length", EXAMPLE)


def check_rsa(parts: list[bytes]) -> None:
    if len(parts) != 3:
        raise UsageError("the key is damaged: it has the wrong length", EXAMPLE)
    bits = int.from_bytes(parts[2]).bit_length()
    if bits < RSA_BITS:
        raise UsageError(
            f"an RSA key of {bits} bits is too weak; at least {RSA_BITS} are needed",
            "make a good one: ssh-keygen -t ed25519",
        )


def fields(blob: bytes) -> list[bytes]:
    """The length-prefixed strings of a wire form; empty when they do not add up."""
    parts: list[bytes] = []
    while blob:
        if len(blob) < 4:
            return []
        (length,) = struct.unpack(">I", blob[:4])
        if length > len(blob) - 4:
            return []
        parts.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return parts
