"""apps:export, apps:import, apps:clone: single apps on their way to another name or instance."""

import click

from paas.backup import cloning
from paas.backup.making import Wish
from paas.backup.plan import Wanted
from paas.commands import archives, report, restore
from paas.commands.archives import (
    file_argument,
    logs_option,
    passphrase_file_option,
    passphrase_stdin_option,
)
from paas.commands.context import Context
from paas.commands.parameters import NEW_APP, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.model.app import App


@command("apps:export", Permission.ADMIN)
@app_argument
@file_argument
@click.option("--with-image", is_flag=True, help="Images too, so that nothing is built again.")
@logs_option
@passphrase_file_option
@passphrase_stdin_option
@format_option
def export(
    context: Context,
    app: App,
    file: str | None,
    with_image: bool,
    with_logs: bool,
    passphrase_file: str | None,
    passphrase_stdin: bool,
    format_: str,
) -> None:
    """Put one app into an archive, for apps:import here or elsewhere.

    Its repository, config, domains, releases and whatever else it was given, on standard
    output or in FILE. The archive has its secrets in it.
    """
    secret = archives.passphrase(context, passphrase_file, given=passphrase_stdin)
    wish = Wish(app.name, with_image, with_logs, secret)
    archives.make(context, wish, file or archives.STREAM, format_)


@command("apps:import", Permission.ADMIN)
@click.argument("name", type=NEW_APP, required=False)
@file_argument
@click.option("--from", "from_", type=NEW_APP, metavar="APP",
              help="Which app of a backup of the platform.")  # fmt: skip
@passphrase_file_option
@passphrase_stdin_option
@format_option
def import_app(
    context: Context,
    name: str | None,
    file: str | None,
    from_: str | None,
    passphrase_file: str | None,
    passphrase_stdin: bool,
    format_: str,
) -> None:
    """Bring an app in from an archive of apps:export or backup, under its name or another.

    Read from FILE, or from standard input. It comes whole or not at all; then it is
    deployed, its image built first when the archive has none. Domains that lead to another
    app here are left out.
    """
    secret = archives.passphrase(context, passphrase_file, given=passphrase_stdin)
    wanted = Wanted(
        from_,
        name,
        trusted_holes=context.force,
        accepts=report.accepts,
        passphrase=secret,
    )
    restore.bring_back(context, file, wanted, format_)


@command("apps:clone", Permission.WRITE)
@app_argument
@click.argument("new_app", type=NEW_APP)
@click.option("--skip-deploy", is_flag=True, help="Run nothing yet.")
@click.option("--ignore-existing", is_flag=True, help="No error when it exists already.")
def clone(
    context: Context, app: App, new_app: str, skip_deploy: bool, ignore_existing: bool
) -> None:
    """Make an app like another: repository, config, formation, limits, and what it runs.

    Domains and certificates stay with the old app; the new one answers on its own name.
    """
    if ignore_existing and context.platform.store.apps.find(new_app) is not None:
        context.console.warn(f"App {new_app} exists already")
        return
    cloning.clone(
        context.platform,
        app.name,
        new_app,
        context.console,
        context.caller.name,
        deploy=not skip_deploy,
    )
    context.console.step(f"Cloning {app.name} to {new_app}... done")
