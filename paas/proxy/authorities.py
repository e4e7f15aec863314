"""Speaking ACME to a certificate authority, in a process of its own: the library is large.

Touches: the network, through the acme library, and nginx's control socket, where the
authority's questions are answered (http-01, RFC 8555 8.3).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import josepy.errors
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from paas.errors import PaasError
from paas.model.issuance import Account, Issued, Order
from paas.proxy.control import Control
from paas.version import VERSION

NONCES = 4
TALK_S = 45  # an answer of the authority
PATIENCE_S = 180  # until it has asked all and issued
UNSPECIFIED = 0  # a reason to revoke, RFC 5280 5.3.1
Authorization = messages.AuthorizationResource


class Network(client.ClientNetwork):
    """Asks again when the authority does not take its own nonce back (RFC 8555 6.5)."""

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """As the library's, which asks twice."""
        for _ in range(NONCES):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)


def issue(order: Order) -> Issued:
    """A certificate for the order's request, each of its names proven to be ours."""
    with told(order.account.server):
        authority, account = known(order.account)
        wanted = authority.new_order(order.request.encode())
        with answered(Control(Path(order.control)), authority, wanted.authorizations):
            deadline = datetime.now() + timedelta(seconds=PATIENCE_S)  # noqa: DTZ005 - the library's
            done = authority.poll_and_finalize(wanted, deadline)
    return Issued(account, done.fullchain_pem)


def revoke(order: Order) -> Issued:
    """Have the authority tell everybody that a certificate is not to be trusted any more."""
    with told(order.account.server):
        authority, account = known(order.account)
        chain = x509.load_pem_x509_certificates(order.chain.encode())
        authority.revoke(chain[0], UNSPECIFIED)
    return Issued(account)


def known(account: Account) -> tuple[client.ClientV2, Account]:
    """The authority, and the account as it knows it; made there if it is new."""
    key = JWKEC(key=load_pem_private_key(account.key.encode(), None))
    network = Network(key, alg=ES256, user_agent=f"paas/{VERSION}", timeout=TALK_S)
    authority = client.ClientV2(client.ClientV2.get_directory(account.server, network), network)
    if account.uri:
        body = messages.Registration(key=key.public_key())
        network.account = messages.RegistrationResource(uri=account.uri, body=body)
        return authority, account
    asked = messages.NewRegistration.from_data(
        email=account.email or None, terms_of_service_agreed=True
    )
    try:
        made = authority.new_account(asked)
    except errors.ConflictError as error:  # the key is known there already
        body = messages.Registration(key=key.public_key())
        made = messages.RegistrationResource(uri=error.location, body=body)
        network.account = made
    return authority, replace(account, uri=made.uri)


@contextmanager
def answered(
    control: Control, authority: client.ClientV2, found: list[Authorization]
) -> Iterator[None]:
    """Nginx answers what the authority asks of each name, as long as the block lasts."""
    put = []
    try:
        for one in found:
            if one.body.status == messages.STATUS_VALID:
                continue  # proven lately
            host, challenge = one.body.identifier.value, by_http(one)
            response, validation = challenge.response_and_validation(authority.net.key)
            token = challenge.chall.encode("token")
            control.put_challenge(host, token, validation)
            put.append((host, token))
            authority.answer_challenge(challenge, response)
        yield
    finally:
        for host, token in put:
            control.delete_challenge(host, token)


def by_http(authorization: Authorization) -> messages.ChallengeBody:
    """The challenge that nginx can answer."""
    for one in authorization.body.challenges:
        if isinstance(one.chall, challenges.HTTP01):
            return one
    raise PaasError(
        f"{authorization.body.identifier.value} cannot be proven by HTTP",
        "the authority wants another proof: see its documents, and use certs:add",
    )


@contextmanager
def told(server: str) -> Iterator[None]:
    """What went wrong at the authority, in its words and in a sentence."""
    try:
        yield
    except errors.ValidationError as error:
        raise PaasError(
            "not every name is ours, says the authority: " + "; ".join(refusals(error)),
            "each name must lead to this machine, and port 80 of it to the platform",
        ) from error
    except messages.Error as error:
        raise refused(error) from error
    except errors.IssuanceError as error:
        raise refused(error.error) from error
    except errors.TimeoutError as error:
        raise PaasError("the authority has not answered in time", "try again later") from error
    except requests.RequestException as error:
        raise PaasError(
            f"{server} cannot be reached: {type(error).__name__}",
            "is it a server of ACME, and may this machine reach it?",
        ) from error
    except (errors.Error, josepy.errors.Error, ValueError) as error:
        raise PaasError(f"{server} does not speak ACME as it should: {error}") from error


def refused(error: messages.Error) -> PaasError:
    kind = (error.typ or "").rpartition(":")[2]
    words = "; ".join(
        [error.detail or kind, *(one.detail or "" for one in error.subproblems or ())]
    )
    hint = "its limits are per week: staging has others" if kind == "rateLimited" else ""
    return PaasError(f"the authority refused ({kind}): {words}", hint)


def refusals(error: errors.ValidationError) -> Iterator[str]:
    """Each name that was not proven, with the reason."""
    for one in error.failed_authzrs:
        reasons = [each.error.detail for each in one.body.challenges if each.error]
        yield f"{one.body.identifier.value}: {', '.join(filter(None, reasons)) or 'refused'}"
