"""Sync: an app follows somebody else's repository; what is new there comes in and is deployed.

What an app follows, and what it had of it last, are properties of the app.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from paas.console import Console
from paas.deploy import incoming, policies, remotes
from paas.deploy.incoming import Arrival, Errand
from paas.errors import Cancelled, PaasError
from paas.git.packing import Packing
from paas.git.repositories import commit_id
from paas.model import address
from paas.model.address import Address
from paas.model.app import App
from paas.model.caller import Caller
from paas.platform import Platform

NAMESPACE = "git"
URL, REF, EVERY = "sync-url", "sync-ref", "sync-every"
# of the last time: the commit there, the one here that has its submodules, when, what went wrong
THEIRS, OURS, AT, PROBLEM = "sync-theirs", "sync-ours", "sync-at", "sync-problem"
TRIED = "sync-tried"  # the commit that was deployed last, however that went
WEBHOOK = "webhook"  # its secret
SUBMODULE_HOSTS = "submodule-hosts"
NO_HOSTS = "none"


class Build(StrEnum):
    """When what came in is built and deployed."""

    NEVER = "never"
    IF_NEW = "if-new"  # and was not tried before: nobody is there who would mend it
    IF_CHANGED = "if-changed"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Followed:
    """What an app follows: a repository, and a branch, tag or commit ("": its own default)."""

    address: Address
    ref: str = ""

    @property
    def words(self) -> str:
        return f"{self.address.shown} {self.ref}".rstrip()


def followed(platform: Platform, app: App) -> Followed | None:
    """What an app follows, None when it does not."""
    values = platform.store.properties.all(app, NAMESPACE)
    url = values.get(URL)
    return Followed(address.repository(url), values.get(REF, "")) if url else None


def follow(platform: Platform, app: App, what: Followed) -> None:
    """Have an app follow it from now on; what was known of another repository counts no more."""
    if followed(platform, app) == what:
        return
    with platform.store.together():
        for key in (THEIRS, OURS, AT, PROBLEM, TRIED):
            remember(platform, app, key, None)
        remember(platform, app, URL, what.address.url)
        remember(platform, app, REF, what.ref or None)


def remember(platform: Platform, app: App, key: str, value: str | None) -> None:
    platform.store.properties.set(app, NAMESPACE, key, value)


def sync(platform: Platform, name: str, build: Build, caller: Caller, console: Console) -> bool:
    """Fetch what the app follows and, if so wished, deploy it; whether something was new."""
    app = platform.store.apps.get(name)
    what = followed(platform, app)
    if what is None:
        raise PaasError(f"{name} follows no repository", f"paas git:sync {name} URL")
    with (
        told(platform, app, caller, what),
        incoming.arriving(platform, name, caller, console) as arrival,
    ):
        found = fetched(arrival, what)
        commit = found["whole"]
        branch = incoming.branch_of(platform, app, found["name"])
        new = incoming.tip(platform, app, branch) != commit
        if wanted(platform, app, build, commit):
            attempt(arrival, branch, commit)
        elif new:
            incoming.store(arrival, branch, commit)
            console.step(f"{branch} is at {commit[:8]} now")
        else:
            console.step(f"{branch} is at {commit[:8]} already: nothing is new")
        note(platform, app, found)
        return new


def attempt(arrival: Arrival, branch: str, commit: str) -> None:
    """Deploy a commit, and remember that this was tried, unless it was only cut short."""
    remember(arrival.platform, arrival.app, TRIED, commit)
    try:
        incoming.deploy(arrival, branch, commit)
    except Cancelled:
        remember(arrival.platform, arrival.app, TRIED, None)
        raise


def wanted(platform: Platform, app: App, build: Build, commit: str) -> bool:
    """Whether a commit is to be deployed."""
    if build is Build.ALWAYS:
        return True
    current = platform.store.releases.current(app)
    if current is not None and current.image.commit == commit:
        return False
    if build is Build.IF_NEW:
        return platform.store.properties.get(app, NAMESPACE, TRIED) != commit
    return build is Build.IF_CHANGED


def fetched(arrival: Arrival, what: Followed) -> dict[str, str]:
    """The commit there (theirs), the one of ours that has all its files (whole), and its name."""
    platform, app = arrival.platform, arrival.app
    values = platform.store.properties.all(app, NAMESPACE)
    have = platform.repositories.branches(app.name)
    known = values.get(THEIRS, "") if values.get(OURS) in have.values() else ""
    found = incoming.read(arrival, errand(platform, app, what, have, known))
    theirs = str(found["commit"])
    whole = values[OURS] if not found.get("changed") else commit_id(str(found.get("whole")))
    return {"theirs": theirs, "whole": whole, "name": str(found.get("name", ""))[:200]}


def errand(
    platform: Platform, app: App, what: Followed, have: dict[str, str], known: str
) -> Errand:
    """What the reader is told; it gets the logins that it may need, and no other."""
    hosts = submodule_hosts(platform, app)
    logins = [remotes.login_at(platform, host) for host in (what.address.host, *(hosts or ()))]
    options: dict[str, Any] = {
        "url": what.address.url,
        "ref": what.ref,
        "have": have,
        "known": known,
        "shallow": shallow(platform, app),
        "submodule_hosts": None if hosts is None else list(hosts),
        "logins": [login for login in logins if login is not None],
    }
    secrets = {"known_hosts": remotes.known_hosts(platform)}
    if remotes.has_key(platform):
        secrets["deploy_key"] = remotes.private_key(platform)
    # over http git alone is needed, which builds have already
    layers = () if what.address.over_http else platform.stack.fetch_layers(lambda _: None)
    return Errand("fetch", options, "fetching the repository", secrets, layers=layers)


def shallow(platform: Platform, app: App) -> str:
    """The commits whose parents were never pushed, a line each."""
    packing = Packing(platform.settings, platform.runner)
    return packing.shallow(platform.repositories.path(app.name)).decode(errors="replace")


def submodule_hosts(platform: Platform, app: App) -> tuple[str, ...] | None:
    """Other hosts that submodules may come from; None: any, but without a login."""
    text = policies.value(platform, app, NAMESPACE, SUBMODULE_HOSTS)
    if text is None:
        return None
    return () if text == NO_HOSTS else tuple(text.split(","))


def note(platform: Platform, app: App, found: dict[str, str]) -> None:
    """Remember what there is now."""
    with platform.store.together():
        remember(platform, app, THEIRS, found["theirs"])
        remember(platform, app, OURS, found["whole"])
        remember(platform, app, AT, datetime.now(UTC).isoformat(timespec="seconds"))
        remember(platform, app, PROBLEM, None)


@contextmanager
def told(platform: Platform, app: App, caller: Caller, what: Followed) -> Iterator[None]:
    """What goes wrong is an event and in the app's log, unless it went wrong so before."""
    try:
        yield
    except PaasError as error:
        before = platform.store.properties.get(app, NAMESPACE, PROBLEM)
        if error.message != before:
            remember(platform, app, PROBLEM, error.message[:1000])
            platform.record(
                app.name, caller.name, "sync", f"{what.words}: {error.message}", "failed"
            )
            platform.logs.append(app.name, f"Sync of {what.words} failed: {error.message}")
        raise
