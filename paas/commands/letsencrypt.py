"""letsencrypt: certificates that an authority issues for an app's names, and renews in time."""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.every import on_each
from paas.commands.parameters import APP, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import letsencrypt, renewals
from paas.deploy.letsencrypt import GRACE_S, SPACE, Standing
from paas.deploy.notes import noted
from paas.errors import PaasError, UsageError
from paas.model import moments
from paas.model.app import App
from paas.model.issuance import SERVERS

DAY_S = 86400
EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}")
optional_app = click.argument("app", type=APP, required=False)


@command("letsencrypt:enable", Permission.WRITE)
@optional_app
@click.option("--all", "every", is_flag=True, help="Every app that has one already.")
def enable(context: Context, app: App | None, every: bool) -> None:
    """Get a certificate for an app's domains and renew it in time; with --force a new one now.

    Each domain must lead to this machine: the authority asks it for an answer by HTTP.
    """

    def one(given: Context, chosen: App) -> None:
        given.console.heading(f"Let's Encrypt {chosen.name}...")
        with noted(given.platform, chosen.name, given.caller.name, "letsencrypt", "Enable"):
            letsencrypt.enable(given.platform, chosen, given.console, force=given.force)

    def active(given: Context, chosen: App) -> bool:
        return letsencrypt.is_active(given.platform, chosen)

    on_each(context, app, every=every, parallel=1, action=one, among=active)


@command("letsencrypt:disable", Permission.WRITE)
@app_argument
def disable(context: Context, app: App) -> None:
    """Renew no more, and show the authority's certificate no more."""
    letsencrypt.disable(context.platform, app)
    context.record("letsencrypt", "Disabled", app)
    context.console.step(f"Disabling letsencrypt for {app.name}")


@command("letsencrypt:auto-renew", Permission.WRITE)
@optional_app
def auto_renew(context: Context, app: App | None) -> None:
    """Renew now what is due, of an app or of every app; the platform does so by itself."""
    platform = context.platform
    if app is None:
        failed = renewals.renew_all(platform, context.console)
        if failed:
            raise PaasError(f"it failed for {', '.join(failed)}", "the lines above say why")
    elif not letsencrypt.is_active(platform, app):
        raise PaasError(f"letsencrypt is not active for {app.name}")
    else:
        now = letsencrypt.standing(platform, app)
        if now is None or now.is_due(datetime.now(UTC)):
            renewals.renew(platform, app, context.console, context.caller.name)
        else:
            days = (now.renew_at - datetime.now(UTC)).days
            context.console.detail(f"{app.name} still has {days} days left before renewal")
    context.console.step("Finished auto-renewal")


@command("letsencrypt:cron-job", Permission.ADMIN)
@click.option("--add", "wanted", flag_value="add", help="Renew by itself, as holds at first.")
@click.option("--remove", "wanted", flag_value="remove", help="Renew by command alone.")
def cron_job(context: Context, wanted: str | None) -> None:
    """Whether the platform renews certificates by itself, looking once an hour."""
    if wanted is None:
        raise UsageError("say --add or --remove")
    off = None if wanted == "add" else "true"
    context.platform.store.properties.set(None, *letsencrypt.OFF, off)
    words = "Certificates are renewed by themselves" if off is None else "Nothing is renewed alone"
    context.record("letsencrypt", words)
    context.console.step(words)


@command("letsencrypt:list", Permission.READ)
@format_option
def list_apps(context: Context, format_: str) -> None:
    """List the apps with certificates of an authority's, and when these are renewed."""
    found = list(standings(context))
    if format_ == "json":
        context.console.json(
            [
                {"app": name, "expires_at": one.expires_at.isoformat(),
                 "renews_at": one.renew_at.isoformat(), "missing": list(one.missing)}
                for name, one in found
            ]
        )  # fmt: skip
        return
    now = datetime.now(UTC)
    context.console.table(
        ("-----> App name", "Certificate Expiry", "Time before expiry", "Time before renewal"),
        [
            (name, moments.second(one.expires_at), span(one.expires_at, now),
             "now" if one.is_due(now) else span(one.renew_at, now))
            for name, one in found
        ],
    )  # fmt: skip


def standings(context: Context) -> list[tuple[str, Standing]]:
    """Of each app that has one, the one that ends first before others."""
    platform = context.platform
    with platform.store.view():
        found = [
            (app.name, one)
            for app in platform.store.apps.list()
            if (one := letsencrypt.standing(platform, app)) is not None
        ]
    return sorted(found, key=lambda pair: pair[1].expires_at)


def span(until: datetime, now: datetime) -> str:
    """`59d, 23h, 4m, 1s`, as dokku shows it."""
    seconds = max(0, int((until - now).total_seconds()))
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // DAY_S
    return f"{days}d, {hours}h, {minutes}m, {seconds % 60}s"


@command("letsencrypt:active", Permission.READ)
@app_argument
def active(context: Context, app: App) -> int:
    """Say whether letsencrypt is active for an app: true with exit code 0, false with 1."""
    found = letsencrypt.is_active(context.platform, app)
    context.console.line(str(found).lower())
    return 0 if found else 1


@command("letsencrypt:revoke", Permission.WRITE)
@app_argument
def revoke(context: Context, app: App) -> None:
    """Have the authority revoke an app's certificate, as after its key was seen by others."""
    with noted(context.platform, app.name, context.caller.name, "letsencrypt", "Revoke"):
        letsencrypt.revoke(context.platform, app)
    context.console.step(f"Revoked the certificate of {app.name}")


@command("letsencrypt:cleanup", Permission.ADMIN)
@optional_app
def cleanup(context: Context, app: App | None) -> None:
    """Forget accounts at authorities that no app asks with any more.

    Certificates that are shown no more are forgotten at once; APP is taken as dokku takes it.
    """
    forgotten = letsencrypt.cleanup(context.platform)
    context.record("letsencrypt", f"Forgot {len(forgotten)} accounts", app)
    for server in forgotten:
        context.console.detail(f"forgot the account at {server}")
    context.console.step("Cleaned up")


# -- properties --------------------------------------------------------------------------


def email(text: str) -> str:
    if EMAIL.fullmatch(text):
        return text
    raise UsageError(f"{text[:80]!r} is not an address for mail")


def server(text: str) -> str:
    """`default`, `staging` or the address of a directory."""
    if text in SERVERS:
        return text
    parts = urlsplit(text)
    if parts.scheme == "https" and parts.hostname and text.isascii() and " " not in text:
        return text
    raise UsageError(
        f"{text[:80]!r} is not a server of ACME",
        "say default, staging, or the https address of its directory",
    )


def seconds(text: str) -> str:
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and 3600 <= int(text) <= 365 * DAY_S:
        return str(int(text))
    raise UsageError(f"{text[:80]!r} is not a number of seconds from an hour to a year")


def no_dns(_text: str) -> str:
    raise PaasError(
        "names are proven by HTTP alone here", "for a wildcard give a certificate by certs:add"
    )


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        off = context.platform.store.properties.get(None, *letsencrypt.OFF)
        return {"global-auto-renew": str(off is None).lower()}
    now = letsencrypt.standing(context.platform, app)
    return {
        "active": str(letsencrypt.is_active(context.platform, app)).lower(),
        "expires-at": now.expires_at.isoformat() if now else "",
        "renews-at": now.renew_at.isoformat() if now else "",
        **letsencrypt.last_try(context.platform, app),
    }


report.register(
    report.Namespace(
        SPACE,
        SPACE,
        "certificates of an authority's",
        values,
        properties=(
            report.Property("dns-provider", "refused: names are proven by HTTP", no_dns),
            report.Property("email", "where the authority writes to; it wants one", email),
            report.Property(
                "graceperiod",
                "seconds before its end when a certificate is renewed",
                seconds,
                lambda _: str(GRACE_S),
            ),
            report.Property(
                "server",
                "default, staging, or the address of an authority's directory",
                server,
                lambda _: "default",
            ),
        ),
    )
)
