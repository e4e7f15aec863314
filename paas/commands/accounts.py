"""Accounts: every command that may change something leaves an event of how it went.

Most tell of it themselves, in better words than can be found here; what one did not tell is
told for it, by its name. Words that may be secrets are in no event.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from paas.commands.context import Context
from paas.commands.permissions import Permission
from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.model.event import ACTIONS, FAILED, SUCCEEDED
from paas.store.events import noticed

# what changes nothing, whatever it takes to be allowed it: no event
LOOKING = {
    "backup:list": "shows what is there",
    "backup:report": "shows settings",
    "backup:verify": "reads an archive",
    "buildpacks:detect": "tries what would be built with, in a sandbox",
    "certs:show": "shows a certificate",
    "checks:run": "asks processes how they are",
    "config:bundle": "shows variables",
    "config:export": "shows variables",
    "config:get": "shows a variable",
    "config:show": "shows variables",
    "containers:diff": "shows what a container has changed",
    "docker-options:list": "shows options",
    "docker-options:report": "shows options",
    "doctor": "looks the machine over",
    "failpoints:passed": "shows where a test has been",
    "git:auth-status": "shows where there are logins",
    "mirrors:list": "shows addresses",
    "mirrors:report": "shows addresses",
    "nginx:validate-config": "has nginx read what it has",
    "ssh-keys:list": "shows who may come in",
}
# what shows how things are, as long as nothing more is said than of what
SHOWING = ("git:webhook", "ps:scale", "resource:limit", "resource:reserve")
OF_WHAT = ("app", "format_", "process_type", "skip_deploy")
# what tells of itself all that there is to tell
TELLING = {
    "cp": "what is taken out changes nothing; what is brought in is told",
    "events:off": "its event is the last one",
    "failpoints:arm": "what comes next may be what it was armed for; for tests alone",
    "hook:pre-receive": "a push is told as its deploy, by who pushed",
}
# what an event of a namespace is called, where that is not the namespace itself
NAMED = {
    "apps": "app", "builds": "deploy", "cleanup": "gc", "containers": "image", "enter": "run",
    "events": "setting", "failpoints": "setting", "images": "image", "releases": "rollback",
    "repo": "gc", "restore": "backup", "ssh-keys": "keys", "tags": "image", "trace": "setting",
}  # fmt: skip
# where `set` sets something else than properties
SETS_MORE = ("buildpacks", "config", "domains", "ports", "redirect", "storage")
NEW_APPS = ("apps:create", "apps:import")
# parameters whose words may be secrets, or hold some
SECRETS = ("assignments", "environment", "options", "password", "words")
SECRETS_OF = {"git:auth": ("user",)}  # a token alone stands there
HIDDEN = "***"


@dataclass(slots=True)
class Account:
    """How a command went: its exit code."""

    status: int = 0


def may_change(name: str, permission: Permission) -> bool:
    """Whether a command has to leave an event."""
    looks = permission in (Permission.PUBLIC, Permission.READ)
    return not looks and name not in LOOKING and name not in TELLING


def only_shows(name: str, values: Mapping[str, Any]) -> bool:
    """Whether a command that may change something was asked how things are."""
    said = [value for key, value in values.items() if key not in OF_WHAT]
    return name in SHOWING and all(value in (None, (), False) for value in said)


def action_of(name: str) -> str:
    """What the event of a command is called: `storage:exec` is storage, a property a setting."""
    namespace, _, verb = name.partition(":")
    if verb == "set" and namespace not in SETS_MORE:
        return "setting"
    action = NAMED.get(namespace, namespace)
    return action if action in ACTIONS else "plugin"


@contextmanager
def accounted(context: Context, name: str, values: Mapping[str, Any]) -> Iterator[Account]:
    """Tell how a change went, unless it did so itself. Wrong words are no change that failed."""
    account = Account()
    with noticed(context.caller.name) as told:
        try:
            yield account
        except UsageError:
            raise
        except BaseException as error:
            if FAILED not in told:
                record(context, name, values, f"{name}: {reason(error, name, values)}", FAILED)
            raise
        if account.status and FAILED not in told:
            record(context, name, values, f"{name}: exited with code {account.status}", FAILED)
        elif not account.status and SUCCEEDED not in told:
            record(context, name, values, name, SUCCEEDED)


def record(
    context: Context, name: str, values: Mapping[str, Any], detail: str, result: str
) -> None:
    platform, actor = context.platform, context.caller.name
    platform.record(app_of(name, values), actor, action_of(name), detail, result)


def app_of(name: str, values: Mapping[str, Any]) -> str:
    """The app that a command is about, by its name; "" for the instance."""
    app = values.get("name" if name in NEW_APPS else "app")
    return app.name if isinstance(app, App) else app or ""


def reason(error: BaseException, name: str, values: Mapping[str, Any]) -> str:
    """Why it failed, without any word of the caller's that may be a secret."""
    if not isinstance(error, PaasError):
        return type(error).__name__
    text = error.message
    for one in (*SECRETS, *SECRETS_OF.get(name, ())):
        for word in sorted(words_in(values.get(one)), key=len, reverse=True):
            text = text.replace(word, HIDDEN)
    return text


def words_in(value: object) -> Iterator[str]:
    """Every text in a value, and what stands behind the `=` of each."""
    if isinstance(value, str):
        yield from filter(None, (value, value.partition("=")[2]))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from words_in(one)
