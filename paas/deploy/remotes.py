"""Remotes: who we are at other people's servers, and which servers are who they say they are.

Logins and the deploy key are kept sealed; hosts' keys are what an administrator allowed.
"""

import json
from collections.abc import Iterable

from paas.console import Console
from paas.deploy.images import bench as benches
from paas.deploy.images.bench import Work
from paas.errors import PaasError
from paas.git import deploykey
from paas.model.container import Power
from paas.platform import Platform
from paas.settings import hostname

LOGINS, HOSTS, KEYS = "git-auth", "git-hosts", "git"
DEPLOY_KEY = "deploy-key"
SSH_PORT = 22


# -- logins ----------------------------------------------------------------------------------


def login_at(platform: Platform, host: str) -> dict[str, str] | None:
    """User and password at a host (with its port where that is unusual); None: we have none."""
    text = platform.store.secrets.get(None, LOGINS, host)
    return None if text is None else {"host": host, **json.loads(text)}


def set_login(platform: Platform, host: str, user: str, password: str) -> None:
    text = json.dumps({"username": user, "password": password})
    platform.store.secrets.set(None, LOGINS, host, text)


def forget_login(platform: Platform, host: str) -> bool:
    """Whether there was one."""
    known = host in login_hosts(platform)
    platform.store.secrets.set(None, LOGINS, host, None)
    return known


def login_hosts(platform: Platform) -> list[str]:
    """Hosts that we have a login at."""
    return platform.store.secrets.keys(None, LOGINS)


# -- hosts' keys -------------------------------------------------------------------------------


def ask_host(platform: Platform, host: str, console: Console) -> list[str]:
    """Lines of known_hosts(5) with the keys a host has now, as it says itself."""
    name, _, port = host.partition(":")
    options = {"host": name, "port": int(port or SSH_PORT)}
    layers = platform.stack.fetch_layers(console.detail)
    work = Work(
        "hostkeys",
        options,
        power=Power.NONE,
        results=("source", "error"),
        words="asking the host",
        program="sources",
        layers=layers,
    )
    with benches.bench(platform, None, console) as bench:
        found = benches.run(bench, work)["source"].get("lines")
    lines = [str(line)[:2000] for line in found[:20]] if isinstance(found, list) else []
    if not lines or not all(line.isprintable() for line in lines):
        raise PaasError(f"{host} told no key", "try again")
    return lines


def allow(platform: Platform, host: str, lines: Iterable[str]) -> None:
    platform.store.properties.set(None, HOSTS, host, "\n".join(lines))


def known_hosts(platform: Platform) -> str:
    """Every key that is allowed, a line each."""
    return "".join(f"{text}\n" for text in platform.store.properties.all(None, HOSTS).values())


# -- the deploy key ----------------------------------------------------------------------------


def make_key(platform: Platform) -> str:
    """Make the deploy key; its public half. PaasError when there is one."""
    if platform.store.secrets.get(None, KEYS, DEPLOY_KEY) is not None:
        raise PaasError(
            "there is a deploy key already, which servers may know",
            "show it: paas git:public-key; --force makes another one in its place",
        )
    return renew_key(platform)


def renew_key(platform: Platform) -> str:
    """A new deploy key in place of any other; its public half."""
    platform.store.secrets.set(None, KEYS, DEPLOY_KEY, deploykey.make())
    return public_key(platform)


def public_key(platform: Platform) -> str:
    """The deploy key's public half, as servers take it."""
    return deploykey.public(private_key(platform), f"paas@{hostname()}")


def private_key(platform: Platform) -> str:
    text = platform.store.secrets.get(None, KEYS, DEPLOY_KEY)
    if text is None:
        raise PaasError("there is no deploy key yet", "make one: paas git:generate-deploy-key")
    return text


def has_key(platform: Platform) -> bool:
    return platform.store.secrets.get(None, KEYS, DEPLOY_KEY) is not None
