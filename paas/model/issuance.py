"""What a certificate authority is asked by ACME (RFC 8555), and what comes of it, as JSON.

Pure. It is the talk between the daemon and the process that speaks to the authority.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from paas.errors import PaasError

SERVERS = {
    "default": "https://acme-v02.api.letsencrypt.org/directory",
    "staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are at an authority; uri: what it calls us, "" before it knows us."""

    server: str
    email: str
    uri: str
    key: str = field(repr=False)  # PEM


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to ask. request: a signing request for a certificate; chain: one to revoke."""

    account: Account
    control: str  # nginx's control socket, where challenges are answered
    request: str = ""
    chain: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """The account as the authority knows it, and the certificate with its chain."""

    account: Account
    chain: str = ""


def order_text(order: Order) -> bytes:
    return json.dumps(asdict(order)).encode()


def order_of(text: bytes) -> Order:
    values = json.loads(text)
    return Order(**{**values, "account": Account(**values["account"])})


def answer_text(answer: Issued | PaasError) -> bytes:
    """What the process says at its end, on standard output."""
    if isinstance(answer, Issued):
        return json.dumps({"issued": asdict(answer)}).encode()
    return json.dumps({"error": answer.message, "hint": answer.hint}).encode()


def answer_of(text: bytes) -> Issued:
    """The same again; raises the PaasError that was told."""
    try:
        values: dict[str, Any] = json.loads(text)
    except ValueError:
        raise PaasError("the process that speaks to the authority ended without a word") from None
    if "issued" not in values:
        raise PaasError(str(values.get("error")), str(values.get("hint") or ""))
    found = values["issued"]
    return Issued(Account(**found["account"]), found["chain"])
