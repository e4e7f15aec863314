"""certs: the certificate that an app shows, given to it or made for trying things out."""

from datetime import UTC, datetime

import click

from paas.commands import archives, report
from paas.commands.context import Context
from paas.commands.parameters import DOMAIN, TEXT, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import front, route
from paas.errors import PaasError, UsageError
from paas.model import certificate, certificate_files, moments
from paas.model.app import App
from paas.model.certificate import Certificate, Description
from paas.store.certificates import ADDED, GENERATED

SOON_DAYS = 14


@command("certs:add", Permission.WRITE)
@app_argument
@click.argument("crt", type=TEXT, required=False)
@click.argument("key", type=TEXT, required=False)
def add(context: Context, app: App, crt: str | None, key: str | None) -> None:
    """Have an app show a certificate for all of its domains, and serve them by HTTPS.

    A tar archive with a .crt and a .key comes on standard input; the machine's own root may
    name two files instead. The .crt has the app's certificate first, then its chain.
    """
    install(context, app, given(context, crt, key), ADDED)


@command("certs:update", Permission.WRITE)
@app_argument
@click.argument("crt", type=TEXT, required=False)
@click.argument("key", type=TEXT, required=False)
def update(context: Context, app: App, crt: str | None, key: str | None) -> None:
    """Put another certificate in the place of an app's; new connections get it at once."""
    held(context, app)
    install(context, app, given(context, crt, key), ADDED)


def given(context: Context, crt: str | None, key: str | None) -> Certificate:
    """What the caller sends, or the machine's root names."""
    if crt and key:
        return certificate.read(content(context, crt), content(context, key))
    if crt:
        raise UsageError("a certificate needs its key", "name both files")
    data = context.console.read_all(certificate_files.MOST_BYTES * 2)
    if not data:
        raise UsageError("there is nothing on standard input", certificate_files.FORM)
    return certificate_files.read(data)


def content(context: Context, text: str) -> bytes:
    path = archives.path_of(context, text)
    try:
        with path.open("rb") as file:
            return file.read(certificate_files.MOST_BYTES)
    except OSError as error:
        raise PaasError(f"{path} cannot be read: {error.strerror}") from error


def install(context: Context, app: App, found: Certificate, origin: str) -> None:
    """Keep it and have it shown, both or neither; say what will surprise visitors."""
    platform = context.platform
    route.change(platform, app, lambda: platform.store.certificates.set(app, found, origin))
    said = certificate.describe(found.chain)
    context.record("certs", f"Certificate of {said.issuer}, to {moments.day(said.expires_at)}", app)
    context.console.step(f"Configured SSL for {app.name}")
    context.console.detail(f"for {', '.join(said.names)} until {moments.day(said.expires_at)}")
    for words in warnings(said, front.certified(platform, app), datetime.now(UTC)):
        context.console.warn(words)


def warnings(said: Description, names: tuple[str, ...], now: datetime) -> list[str]:
    """What a visitor's browser will complain about, now or soon."""
    found = [f"{name} is not in the certificate" for name in names if not said.covers(name)]
    days = (said.expires_at - now).days
    if said.expires_at <= now:
        found.append(f"It expired on {moments.day(said.expires_at)}")
    elif days < SOON_DAYS:
        found.append(f"It expires in {days} days")
    if said.starts_at > now:
        found.append(f"It is not valid before {moments.minute(said.starts_at)} UTC")
    return found


@command("certs:generate", Permission.WRITE)
@app_argument
@click.argument("domain", type=DOMAIN)
def generate(context: Context, app: App, domain: str) -> None:
    """Make a key, and a certificate that only its owner vouches for; the domain is added.

    Shown is a request for a certificate authority: what that answers is added with the key,
    which certs:show APP key gives.
    """
    platform, key = context.platform, certificate.new_key()
    names = tuple(dict.fromkeys([domain, *front.certified(platform, app)]))
    made = certificate.self_signed(names, key)

    def alter() -> None:
        if domain not in platform.store.domains.effective(app):
            platform.store.domains.add(app, [domain])
        platform.store.certificates.set(app, made, GENERATED)

    route.change(platform, app, alter)
    context.record("certs", f"Generated for {domain}", app)
    context.console.step(f"Generated a self-signed certificate for {', '.join(names)}")
    context.console.line(certificate.signing_request(key, names).rstrip())


@command("certs:remove", Permission.WRITE)
@app_argument
def remove(context: Context, app: App) -> None:
    """Have an app show no certificate: it is there by HTTP alone."""
    held(context, app)
    platform = context.platform
    route.change(platform, app, lambda: platform.store.certificates.remove(app))
    context.record("certs", "Removed", app)
    context.console.step(f"Removed the certificate of {app.name}")


@command("certs:show", Permission.SECRETS)
@app_argument
@click.argument("part", type=click.Choice(["crt", "key"]))
@format_option
def show(context: Context, app: App, part: str, format_: str) -> None:
    """Show an app's certificate with its chain, or its key."""
    found = held(context, app)
    text = found.chain if part == "crt" else found.key
    if format_ == "json":
        context.console.json({part: text})
    else:
        context.console.write(text.encode())


def held(context: Context, app: App) -> Certificate:
    found = context.platform.store.certificates.get(app)
    if found is None:
        raise PaasError(
            f"{app.name} has no certificate",
            f"give it one: paas certs:add {app.name}, or paas letsencrypt:enable {app.name}",
        )
    return found.certificate


# -- report ------------------------------------------------------------------------------

KEYS = (
    "dir", "enabled", "expires-at", "hostnames", "issuer", "starts-at", "subject", "verified",
    "origin", "expires-in-days", "fingerprint",
)  # fmt: skip


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {}
    found = context.platform.store.certificates.get(app)
    if found is None:
        return dict.fromkeys(KEYS, "") | {"enabled": "false"}
    said = certificate.describe(found.certificate.chain)
    directory = context.platform.settings.state_dir / "proxy/certificates"
    return {
        "dir": str(directory),
        "enabled": "true",
        "expires-at": moment(said.expires_at),
        "hostnames": " ".join(said.names),
        "issuer": said.issuer,
        "starts-at": moment(said.starts_at),
        "subject": said.subject.replace(", ", "; "),
        "verified": "self signed." if said.self_signed else "verified by a certificate authority.",
        "origin": found.origin,
        "expires-in-days": str((said.expires_at - datetime.now(UTC)).days),
        "fingerprint": said.fingerprint,
    }


def moment(at: datetime) -> str:
    """`Oct  5 23:59:59 2019 GMT`, as openssl has it."""
    return f"{at:%b} {at.day:2d} {at:%H:%M:%S %Y} GMT"


report.register(report.Namespace("certs", "ssl", "which certificate an app shows", values))
