"""ssh-keys: who may come in."""

from pathlib import Path

import click

from paas.commands.context import Context
from paas.commands.parameters import KEY_NAMED, TEXT, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.errors import PaasError, UsageError
from paas.model import moments
from paas.model.key import LENGTH_LIMIT


@command("ssh-keys:add", Permission.ADMIN)
@click.argument("name", type=KEY_NAMED)
@click.argument("file", type=TEXT, required=False)
def add(context: Context, name: str, file: str | None) -> None:
    """Let a public key in; it is read from standard input, or from a file of this machine."""
    key = context.platform.store.keys.add(name, public_key(context, file))
    context.record("keys", f"Added {name} ({key.fingerprint})")
    context.console.line(key.fingerprint)


def public_key(context: Context, file: str | None) -> str:
    """The key's text; files only for root at this machine, whose files they are."""
    if file is None:
        data = context.console.read_all(LENGTH_LIMIT + 1)
    elif not context.local:
        raise UsageError(
            "a file is read only for the machine's own root",
            "send the key instead: ssh ... ssh-keys:add NAME < key.pub",
        )
    else:
        data = read(Path(file))
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UsageError("that is not one public key") from None


def read(path: Path) -> bytes:
    if not path.is_absolute():
        raise UsageError(f"{path} is not an absolute path", "the daemon has its own directory")
    try:
        with path.open("rb") as file:
            return file.read(LENGTH_LIMIT + 1)
    except OSError as error:
        raise PaasError(f"{path} cannot be read: {error.strerror}") from error


@command("ssh-keys:list", Permission.ADMIN)
@click.argument("name", type=KEY_NAMED, required=False)
@format_option
def list_keys(context: Context, name: str | None, format_: str) -> None:
    """List the keys that may come in, or the one of a name."""
    keys = [key for key in context.platform.store.keys.list() if name in (None, key.name)]
    if name is not None and not keys:
        raise PaasError(f"there is no key {name}", "see which there are with ssh-keys:list")
    if format_ == "json":
        context.console.json(
            [
                {
                    "name": key.name,
                    "fingerprint": key.fingerprint,
                    "type": key.type,
                    "comment": key.comment,
                    "roles": sorted(key.roles),
                    "created_at": moments.iso(key.created_at),
                }
                for key in keys
            ]
        )
        return
    rows = [
        (key.name, key.fingerprint, key.type, ",".join(sorted(key.roles)),
         moments.day(key.created_at))
        for key in keys
    ]  # fmt: skip
    if rows:
        context.console.table(("NAME", "FINGERPRINT", "TYPE", "ROLES", "ADDED"), rows)


@command("ssh-keys:remove", Permission.ADMIN)
@click.argument("name", type=KEY_NAMED, required=False)
@click.option("--fingerprint", type=TEXT, help="The key's fingerprint, SHA256:...")
def remove(context: Context, name: str | None, fingerprint: str | None) -> None:
    """Shut a key out, by its name or its fingerprint."""
    wanted = fingerprint or name
    if wanted is None or (fingerprint and name):
        raise UsageError("give a key's name or its --fingerprint")
    context.platform.store.keys.remove(wanted)
    context.record("keys", f"Removed {wanted}")
    context.console.step(f"Removed the key {wanted}")
