"""Let's Encrypt: certificates that an authority issues for an app's names, and issues anew in time.

The authority is asked by a process of its own (paas.proxy.authorities); what it issues is
kept and shown as any certificate is.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from paas.console import Console
from paas.deploy import front, policies, route
from paas.errors import PaasError
from paas.model import certificate, moments
from paas.model.app import App
from paas.model.certificate import Certificate
from paas.model.issuance import (
    SERVERS,
    Account,
    Issued,
    Order,
    answer_of,
    order_text,
)
from paas.platform import Platform
from paas.store.certificates import ISSUED

SPACE = "letsencrypt"
ACTIVE = (SPACE, "active")
TRIED, FAILED = (SPACE, "tried-at"), (SPACE, "last-error")
OFF = (SPACE, "auto-renew-off")  # of the instance
GRACE_S = 30 * 86400
AGAIN = timedelta(hours=12)  # after a failure: authorities count them
PROGRAM = Path(__file__).resolve().parents[2]
ASKING_S = 400


@dataclass(frozen=True, slots=True)
class Standing:
    """How an app's certificate stands: when it ends, and when another one is due."""

    expires_at: datetime
    renew_at: datetime
    missing: tuple[str, ...]  # names of the app that it is not for

    def is_due(self, now: datetime) -> bool:
        return bool(self.missing) or now >= self.renew_at


def is_active(platform: Platform, app: App) -> bool:
    """Whether the app's certificate is the authority's, and renewed."""
    return platform.store.properties.get(app, *ACTIVE) is not None


def standing(platform: Platform, app: App) -> Standing | None:
    """Of an active app; None where its certificate is not the authority's."""
    held = platform.store.certificates.get(app)
    if held is None or held.origin != ISSUED:
        return None
    said = certificate.describe(held.certificate.chain)
    grace_s = policies.number(platform, app, SPACE, "graceperiod", GRACE_S)
    # of a short certificate a third is left: RFC 8555 has authorities choose
    length = said.expires_at - said.starts_at
    left = min(timedelta(seconds=grace_s), length / 3)
    missing = [one for one in front.certified(platform, app) if not said.covers(one)]
    return Standing(said.expires_at, said.expires_at - left, tuple(missing))


def enable(platform: Platform, app: App, console: Console, *, force: bool) -> None:
    """Have the app show a certificate of the authority's, and renew it from then on."""
    now = standing(platform, app)
    if now is not None and not force and not now.is_due(datetime.now(UTC)):
        platform.store.properties.set(app, *ACTIVE, "true")
        console.detail(f"it has one until {moments.day(now.expires_at)}; --force asks for another")
        return
    names = provable(platform, app)
    console.step(f"Getting letsencrypt certificate for {app.name}...")
    for name in names:
        console.detail(f"- Domain '{name}'")
    made = obtain(platform, app, names)
    route.change(platform, app, lambda: install(platform, app, made))
    console.step("Certificate retrieved successfully.")


def obtain(platform: Platform, app: App, names: tuple[str, ...]) -> Certificate:
    """A certificate for these names; what was in the way is remembered until it is not."""
    key = certificate.new_key()
    request = certificate.signing_request(key, names)
    try:
        issued = ask(platform, "issue", order(platform, app, request=request))
        return certificate.read(issued.chain.encode(), certificate.key_text(key).encode())
    except PaasError as error:
        remember(platform, app, error.message)
        raise


def remember(platform: Platform, app: App, why: str | None) -> None:
    """When an issuance was tried, and why it failed."""
    with platform.store.together():
        platform.store.properties.set(app, *TRIED, datetime.now(UTC).isoformat())
        platform.store.properties.set(app, *FAILED, why)


def install(platform: Platform, app: App, made: Certificate) -> None:
    platform.store.certificates.set(app, made, ISSUED)
    platform.store.properties.set(app, *ACTIVE, "true")
    remember(platform, app, None)


def provable(platform: Platform, app: App) -> tuple[str, ...]:
    """The app's names, when each can be proven by HTTP."""
    names = front.certified(platform, app)
    if not names:
        raise PaasError(f"{app.name} has no domains", f"paas domains:add {app.name} NAME")
    for name in names:
        if name.startswith("*."):
            raise PaasError(
                f"{name} cannot be proven by HTTP: a wildcard is proven by DNS",
                f"give its certificate by certs:add, or domains:remove {app.name} '{name}'",
            )
    return names


def order(platform: Platform, app: App, *, request: str = "", chain: str = "") -> Order:
    """What is asked, by the app's account."""
    control = platform.settings.run_dir / "proxy/control.sock"
    return Order(account(platform, app), str(control), request, chain)


def account(platform: Platform, app: App) -> Account:
    """Who asks: one account for each authority and address."""
    text = policies.value(platform, app, SPACE, "server") or "default"
    server, email = SERVERS.get(text, text), policies.value(platform, app, SPACE, "email")
    if not email:
        raise PaasError(
            "the authority wants an address to write to",
            f"paas letsencrypt:set {app.name} email you@example.org, or --global",
        )
    found = platform.store.acme_accounts.get(server, email)
    return found or Account(server, email, "", certificate.key_text(certificate.new_key()))


def ask(platform: Platform, role: str, order: Order) -> Issued:
    """Have a process ask the authority; the account is kept as it is known there."""
    done = platform.runner.run(
        (sys.executable, "-m", "paas.proxy", role),
        stdin=order_text(order),
        env={"REQUESTS_CA_BUNDLE": str(platform.settings.ca_bundle)},
        cwd=PROGRAM,
        timeout_s=ASKING_S,
        check=False,
    )
    issued = answer_of(done.stdout)
    if issued.account != order.account:
        platform.store.acme_accounts.set(issued.account)
    return issued


def disable(platform: Platform, app: App) -> None:
    """Show the authority's certificate no more, and renew none; another one stays."""
    held = platform.store.certificates.get(app)

    def alter() -> None:
        if held is not None and held.origin == ISSUED:
            platform.store.certificates.remove(app)
        for key in (ACTIVE, TRIED, FAILED):
            platform.store.properties.set(app, *key, None)

    route.change(platform, app, alter)


def revoke(platform: Platform, app: App) -> None:
    """Have the authority revoke the certificate, and show it no more."""
    held = platform.store.certificates.get(app)
    if held is None or held.origin != ISSUED:
        raise PaasError(f"{app.name} has no certificate of an authority's to revoke")
    ask(platform, "revoke", order(platform, app, chain=held.certificate.chain))
    disable(platform, app)


def cleanup(platform: Platform) -> list[str]:
    """Forget accounts that no app and no setting asks with any more; their servers."""
    used = set()
    for app in (None, *platform.store.apps.list()):
        values = platform.store.properties.all(None, SPACE)
        if app is not None:
            values |= platform.store.properties.all(app, SPACE)
        server = values.get("server", "default")
        used.add((SERVERS.get(server, server), values.get("email", "")))
    stale = [one for one in platform.store.acme_accounts.list() if one not in used]
    for server, email in stale:
        platform.store.acme_accounts.remove(server, email)
    return [server for server, _ in stale]


def last_try(platform: Platform, app: App) -> Mapping[str, str]:
    """What was remembered of the last try."""
    get = platform.store.properties.get
    return {"last-error": get(app, *FAILED) or "", "tried-at": get(app, *TRIED) or ""}
