"""A certificate with its chain and its key, as an app shows it: read, checked, described, made.

Pure, but for the randomness of a new key. Sources: RFC 5280; RFC 6125 for which names it is for.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from paas.errors import UsageError

CHAIN_MOST = 10
RSA_BITS = 2048  # fewer are refused by OpenSSL's own default
GENERATED_FOR = timedelta(days=365)
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The first of chain is the app's own; key is what it was made for. Both are PEM."""

    chain: str
    key: str = field(repr=False)

    @property
    def digest(self) -> str:
        """What it is called where several are kept: changes with the chain and with the key."""
        return hashlib.sha256(self.pem.encode()).hexdigest()[:32]

    @property
    def pem(self) -> str:
        """Chain and key in one file, as nginx takes them."""
        return self.chain + self.key


@dataclass(frozen=True, slots=True)
class Description:
    """What can be said of a certificate without its key."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    starts_at: datetime
    expires_at: datetime
    fingerprint: str
    serial: str
    self_signed: bool

    def covers(self, name: str) -> bool:
        """Whether a browser takes it for a host; a wildcard of the host's own needs one here."""
        if name in self.names:
            return True
        label, _, rest = name.partition(".")
        return label != "*" and f"*.{rest}" in self.names


def read(chain: bytes, key: bytes) -> Certificate:
    """A certificate and its key out of PEM; UsageError saying what does not fit."""
    certificates = certificates_of(chain)
    private = private_key(key)
    if public_bytes(private.public_key()) != public_bytes(certificates[0].public_key()):
        among = [public_bytes(one.public_key()) for one in certificates]
        hint = "give the key that the certificate was asked for with"
        if public_bytes(private.public_key()) in among:
            hint = "put the app's own certificate first in the file"
        raise UsageError("the key does not belong to the certificate", hint)
    check_strength(certificates[0])
    check_order(certificates)
    text = "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Certificate(text, pem)


def certificates_of(data: bytes) -> Sequence[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            "that is no certificate in PEM form", "it begins with -----BEGIN CERTIFICATE-----"
        ) from error
    if len(found) > CHAIN_MOST:
        raise UsageError(f"{len(found)} certificates are no chain; at most {CHAIN_MOST} are")
    return found


def private_key(data: bytes) -> PrivateKeyTypes:
    try:
        found = load_pem_private_key(data, password=None)
    except TypeError as error:
        raise UsageError(
            "the key is encrypted", "give it without a passphrase: openssl pkey -in server.key"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            "that is no private key in PEM form", "it begins with -----BEGIN PRIVATE KEY-----"
        ) from error
    if not isinstance(found, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        kind = "a DSA key" if isinstance(found, dsa.DSAPrivateKey) else "a key of its kind"
        raise UsageError(f"no browser takes {kind}", "use RSA or an elliptic curve")
    return found


def public_bytes(key: object) -> bytes:
    made: bytes = key.public_bytes(  # type: ignore[attr-defined]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return made


def check_strength(one: x509.Certificate) -> None:
    public = one.public_key()
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < RSA_BITS:
        raise UsageError(
            f"an RSA key of {public.key_size} bits is too weak", f"use at least {RSA_BITS}"
        )
    algorithm = one.signature_hash_algorithm
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1) and one.subject != one.issuer:
        raise UsageError(f"it is signed with {algorithm.name}, which no browser takes any more")


def check_order(chain: Sequence[x509.Certificate]) -> None:
    """Each one is the word of the one behind it."""
    for one, issuer in pairwise(chain):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise UsageError(
                f"the chain is broken: {name_of(one.subject)} is not signed by "
                f"{name_of(issuer.subject)}",
                "give the app's certificate first, then each one's issuer in turn",
            ) from error


def describe(chain: str) -> Description:
    """What a certificate that was read says of itself."""
    one = x509.load_pem_x509_certificate(chain.encode())
    return Description(
        subject=name_of(one.subject),
        issuer=name_of(one.issuer),
        names=names_of(one),
        starts_at=one.not_valid_before_utc,
        expires_at=one.not_valid_after_utc,
        fingerprint=one.fingerprint(hashes.SHA256()).hex(":").upper(),
        serial=f"{one.serial_number:X}",
        self_signed=one.subject == one.issuer,
    )


def name_of(name: x509.Name) -> str:
    """`C=GB, O=COMODO CA Limited, CN=...`, as openssl shows it."""
    return ", ".join(
        f"{part.rfc4514_attribute_name}={part.value!s}" for part in name if str(part.value)
    )


def names_of(one: x509.Certificate) -> tuple[str, ...]:
    """The hosts it is for: its alternative names, or the common name of an old one."""
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        common = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = [str(part.value) for part in common]
    return tuple(sorted({name.lower() for name in names}))


# -- made here ---------------------------------------------------------------------------


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def signing_request(key: ec.EllipticCurvePrivateKey, names: Iterable[str]) -> str:
    """What a certificate authority is asked with, for all of these hosts."""
    hosts = list(names)
    builder = x509.CertificateSigningRequestBuilder()
    return (
        builder.subject_name(common_name(hosts[0]))
        .add_extension(alternatives(hosts), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


def self_signed(names: Sequence[str], key: ec.EllipticCurvePrivateKey | None = None) -> Certificate:
    """A certificate nobody but its owner vouches for: for trying things out."""
    key = key or new_key()
    now, name = datetime.now(UTC), common_name(names[0])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + GENERATED_FOR)
        .add_extension(alternatives(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(made.public_bytes(Encoding.PEM).decode(), key_text(key))


def common_name(name: str) -> x509.Name:
    """The subject; a name longer than X.520 allows is among the alternative ones alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if len(name) <= 64 else [])


def alternatives(names: Iterable[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
