"""git:webhook: whether a git server may have an app synced, and by which secret it shows itself."""

import secrets

import click

from paas.commands.context import Context
from paas.commands.parameters import app_argument
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import pipeline, sync
from paas.errors import PaasError
from paas.model.app import App
from paas.model.webhook import PATH

SECRET_BYTES = 24


@command("git:webhook", Permission.SECRETS)
@app_argument
@click.option("--enable", is_flag=True, help="Make its secret; a new one when there is one.")
@click.option("--disable", is_flag=True, help="Listen no more.")
def webhook(context: Context, app: App, enable: bool, disable: bool) -> None:
    """Show, make or remove the webhook by which a git server has an app synced and deployed.

    Give the server the address and the secret that --enable shows; GitHub, GitLab, Gitea,
    Forgejo, Gogs and Bitbucket are understood. The app must follow a repository (git:sync).
    """
    if enable and disable:
        raise PaasError("give --enable or --disable, not both")
    store = context.platform.store.secrets
    if disable:
        store.set(app, sync.NAMESPACE, sync.WEBHOOK, None)
        context.record("git", "Disable the webhook", app)
        context.console.step(f"{app.name} has no webhook")
        return
    if enable:
        store.set(app, sync.NAMESPACE, sync.WEBHOOK, secrets.token_urlsafe(SECRET_BYTES))
        context.record("git", "Enable the webhook", app)
    secret = store.get(app, sync.NAMESPACE, sync.WEBHOOK)
    if secret is None:
        raise PaasError(
            f"{app.name} has no webhook", f"make one: paas git:webhook {app.name} --enable"
        )
    show(context, app, secret)


def show(context: Context, app: App, secret: str) -> None:
    platform = context.platform
    reached = next(iter(pipeline.urls(platform, app)), f"http://{platform.settings.domain}")
    context.console.line(f"address: {reached}{PATH}{app.name}")
    context.console.line(f"secret: {secret}")
    if sync.followed(platform, app) is None:
        context.console.warn(f"{app.name} follows no repository: paas git:sync {app.name} URL")
