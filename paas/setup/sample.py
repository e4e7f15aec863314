"""The sample app: pushed with the caller's own git and key, and fetched by its domain.

Touches: a temporary repository of the caller's, git, ssh, and the proxy's HTTP port.
"""

import http.client
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.setup.children import as_user, follow
from paas.setup.client import Client
from paas.setup.environment import CHECKOUT
from paas.setup.instance import Instance
from paas.setup.keys import User

APP = "hello"
SOURCE = CHECKOUT / "docs" / "hello"
# the same bytes make the same commit: pushing the sample again changes nothing
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "paas"),
        ("EMAIL", "paas@localhost"),
        ("DATE", "2026-01-01T00:00:00Z"),
    )
}


@dataclass(frozen=True, slots=True)
class Page:
    """What the proxy answered."""

    url: str
    status: int
    reason: str
    first_line: str


def deployed(client: Client) -> bool:
    """Whether the sample app, or an app of its name, already has a release."""
    listed = client.ask("releases:list", APP, "--format", "json", check=False)
    return bool(listed.strip() and json.loads(listed))


def push(
    instance: Instance, user: User, key: Path, runner: Runner, say: Callable[[str], None]
) -> None:
    """Commit the sample as the caller and push it with ordinary git over SSH."""
    directory = Path(tempfile.mkdtemp(prefix="paas-hello-"))
    try:
        shutil.copytree(SOURCE, directory, dirs_exist_ok=True)
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, user.name)
        commit_and_push(instance, user, key, directory, runner, say)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def commit_and_push(
    instance: Instance, user: User, key: Path, directory: Path, runner: Runner,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Four git commands, as a person would type them."""
    variables = {**AUTHOR, "HOME": str(user.home), "GIT_SSH_COMMAND": ssh_command(key, directory)}
    given = tuple(f"{name}={value}" for name, value in variables.items())

    def git(*words: str) -> tuple[str, ...]:
        return as_user(user.name, ("env", *given, "git", "-C", str(directory), *words))

    runner.run(git("init", "--quiet", "--initial-branch=main"))
    runner.run(git("add", "--all"))
    runner.run(git("commit", "--quiet", "--no-gpg-sign", "--message", "Hello"))
    try:
        follow(runner, git("push", remote(instance), "main"), say)
    except CommandFailed as error:
        raise PaasError(
            "the sample app could not be pushed; its last lines are above",
            f"see what the platform thinks of it: paas logs {APP}",
        ) from error


def remote(instance: Instance) -> str:
    """The sample app's git remote."""
    return f"ssh://paas@localhost:{instance.settings.ssh_port}/{APP}"


def ssh_command(key: Path, directory: Path) -> str:
    """OpenSSH with the caller's key only, and host keys kept beside the repository."""
    known_hosts = directory / ".git" / "known_hosts"
    return (
        f"ssh -i {key} -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR"
        f" -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known_hosts}"
    )


def fetch(instance: Instance) -> Page:
    """Ask the proxy for the sample's page by its domain, as a browser would."""
    settings = instance.settings
    domain = f"{APP}.{settings.domain}"
    port = "" if settings.http_port == 80 else f":{settings.http_port}"
    url = f"http://{domain}{port}/"
    any_address = settings.listen_address in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    address = "127.0.0.1" if any_address else settings.listen_address
    connection = http.client.HTTPConnection(address, settings.http_port, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": domain})
        answer = connection.getresponse()
        text = answer.read(65536).decode(errors="replace").strip()
    except OSError as error:
        raise PaasError(f"{url} did not answer: {error}", "see paas logs hello") from error
    finally:
        connection.close()
    return Page(url, answer.status, answer.reason, text.splitlines()[0] if text else "")
