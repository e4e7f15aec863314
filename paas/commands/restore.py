"""restore: the whole platform from one archive, onto an instance without apps."""

from paas.backup import finishing, restoring
from paas.backup.head import Checked
from paas.backup.plan import Wanted
from paas.backup.restoring import Restored
from paas.commands import archives
from paas.commands.archives import (
    file_argument,
    passphrase_file_option,
    passphrase_stdin_option,
)
from paas.commands.context import Context
from paas.commands.parameters import format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.errors import PaasError


@command("restore", Permission.ADMIN)
@file_argument
@passphrase_file_option
@passphrase_stdin_option
@format_option
def restore(
    context: Context,
    file: str | None,
    passphrase_file: str | None,
    passphrase_stdin: bool,
    format_: str,
) -> None:
    """Bring a backup of the platform back, onto an instance that has no apps yet.

    The archive is checked whole before anything is changed, and comes back whole or not at
    all; then its apps come up, those without images built from their repositories. It is
    read from FILE, or from standard input. Plugins come with their files when root on the
    server asks; over SSH they come disabled, and without.
    """
    secret = archives.passphrase(context, passphrase_file, given=passphrase_stdin)
    wanted = Wanted(
        whole=True, trusted_holes=context.force, passphrase=secret, of_root=context.local
    )
    bring_back(context, file, wanted, format_)


def bring_back(context: Context, file: str | None, wanted: Wanted, format_: str) -> None:
    """Restore what is wanted and bring it up; PaasError when an app does not come up."""
    said = archives.progress(context.console) if format_ == "json" else context.console
    with archives.archive(context, file) as archive:
        done = restoring.restore(context.platform, archive, wanted, said, context.caller.name)
    for text in done.told:
        said.warn(text)
    if wanted.whole:
        warn_of_domain(context, done.checked)
    failed = finishing.bring_up(context.platform, done.apps, said)
    conclude(context, done, failed, format_)


def warn_of_domain(context: Context, checked: Checked) -> None:
    """Apps answer on other names than they did, where the instance's domain is another."""
    there, here = checked.head.settings.get("domain"), context.platform.settings.domain
    if there != here and not context.platform.store.domains.list(None):
        context.console.warn(f"apps were at <app>.{there} and are at <app>.{here} now")
        context.console.warn(f"to have them there again: bin/quickstart --domain {there}")


def conclude(context: Context, done: Restored, failed: list[str], format_: str) -> None:
    if format_ == "json":
        left = {"left_out": list(done.told), "failed": failed}
        context.console.json({"apps": list(done.apps), **left})
    else:
        context.console.heading(f"Restored: {', '.join(done.apps) or 'no app'}")
    if failed:
        raise PaasError(
            f"these are restored, and do not run: {', '.join(failed)}",
            "see why above, then: paas ps:rebuild APP, or push it again",
        )
