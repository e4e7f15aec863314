"""What `ssh host <words>` asks for: a push, a fetch, or a command. Pure."""

import re
import shlex
from dataclasses import dataclass

from paas.doors.dispatch import deploys
from paas.errors import PaasError, UsageError
from paas.model.names import app_name

COMMAND_BYTES = 1 << 20
OURSELVES = ("dokku", "paas")
GIT = re.compile(r"git[ -](receive-pack|upload-pack|upload-archive)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GitRequest:
    """A git client's wish: `receive-pack` (a push) or `upload-pack` (a fetch) of an app."""

    service: str
    app: str


def parse(line: bytes) -> GitRequest | list[str]:
    """The git request or the command's words; help when there are none. UsageError if neither."""
    if len(line) > COMMAND_BYTES:
        raise UsageError(f"the command is longer than {COMMAND_BYTES >> 20} MiB")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise UsageError("the command is not UTF-8 text") from None
    if found := GIT.fullmatch(text.strip()):
        return git_request(found[1], words_of(found[2] or ""))
    words = words_of(text)
    if words and words[0] in OURSELVES:
        words = words[1:]
    return words or ["help"]


def is_deploy(line: bytes) -> bool:
    """Whether this asks for a push or another deploy, however well.

    It is given time when the daemon ends.
    """
    if line.lstrip().startswith((b"git-receive-pack", b"git receive-pack")):
        return True
    try:
        wish = parse(line)
    except PaasError:
        return False
    return isinstance(wish, list) and deploys(wish)


def words_of(text: str) -> list[str]:
    """Words as a shell would split them; nothing is expanded."""
    if "\0" in text:
        raise UsageError("the command has a NUL character in it")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"the command's quotes do not match ({str(error).lower()})",
            "quote it twice: once for your shell, once for this one",
        ) from None


def git_request(service: str, arguments: list[str]) -> GitRequest:
    """A push or fetch of one app, or UsageError."""
    if service == "upload-archive":
        raise UsageError("git archive --remote is not offered", "use git clone instead")
    if len(arguments) != 1:
        raise UsageError(f"git {service} takes one repository", "ssh://paas@<host>:<port>/<app>")
    return GitRequest(service, repository_app(arguments[0]))


def repository_app(path: str) -> str:
    """The app a repository path means: `blog`, `/blog`, `blog.git`, `~/blog`, `/blog/`."""
    name = path.removeprefix("~").removeprefix("/").removesuffix("/").removesuffix(".git")
    return app_name(name)
