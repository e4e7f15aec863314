"""The calling user's SSH key: found or made, and registered as administrator.

Touches: the user's ~/.ssh, and the daemon through bin/paas.
"""

import json
import pwd
from dataclasses import dataclass
from pathlib import Path

from paas.command import Runner
from paas.errors import PaasError
from paas.settings import environment
from paas.setup.children import as_user
from paas.setup.client import Client

# the first that exists is taken
KEY_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True, slots=True)
class User:
    """Who typed the command, before sudo."""

    name: str
    home: Path


def calling_user() -> User:
    """The user behind sudo, or root."""
    name = environment("SUDO_USER", "root")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = pwd.getpwnam("root")
    return User(entry.pw_name, Path(entry.pw_dir))


def ensure(user: User, runner: Runner) -> tuple[Path, bool]:
    """The user's private key, and whether it was made now (ed25519, without a passphrase)."""
    directory = user.home / ".ssh"
    for name in KEY_NAMES:
        key = directory / name
        if key.exists() and key.with_suffix(".pub").exists():
            return key, False
    key = directory / KEY_NAMES[0]
    runner.run(as_user(user.name, ("mkdir", "--parents", "--mode=700", str(directory))))
    comment = f"{user.name}@paas"
    make = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key))
    runner.run(as_user(user.name, make))
    return key, True


def fingerprint(public_key: Path, runner: Runner) -> str:
    """`SHA256:...` of a public key file."""
    return runner.run(("ssh-keygen", "-l", "-f", str(public_key))).text.split()[1]


def register(client: Client, user: User, key: Path, runner: Runner) -> str:
    """Make the key an administrator's, unless it already is; says what was done."""
    public_key = key.with_suffix(".pub")
    print_of_it = fingerprint(public_key, runner)
    known = json.loads(client.ask("ssh-keys:list", "--format", "json", check=False) or "[]")
    if any(print_of_it in entry.values() for entry in known):
        return "already an administrator's"
    names = {entry.get("name") for entry in known}
    name = user.name if user.name not in names else f"{user.name}-{print_of_it[7:13].lower()}"
    try:
        client.ask("ssh-keys:add", name, stdin=public_key.read_bytes())
    except PaasError as error:
        raise PaasError(
            f"the key {public_key} could not be registered: {error.message}",
            f"add it by hand: paas ssh-keys:add {name} {public_key}",
        ) from error
    return f"registered as administrator {name}"
