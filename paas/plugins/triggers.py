"""Triggers: dokku's documented ones, which of them are called here, and why the others are not.

Pure. docs/plugins.md shows the same table; a test holds one to the other.
"""

from collections.abc import Iterable

from paas.model import occasion

# run for one plugin by `plugin:...` alone, as root
SETUP = {
    "install": "plugin:install, once the files are there",
    "update": "plugin:update, once a newer revision is there; with the plugin's files",
    "uninstall": "plugin:uninstall, with the plugin's name",
    "dependencies": "plugin:install-dependencies",
}
HOST_TREE = "an app's source is unpacked in the sandbox of its build alone, never on the server"
INSIDE = "it is a part of dokku's own inside; ask the commands of paas for the same"
ENGINE = "the engine starts, finds and ends containers itself"
PROXY = "the proxy is told by the daemon, without files of an app; nginx:set has what can be set"
IMAGE = "an image is what the build made of the pushed commit, and nothing else"
OPTIONS = "options of containers are typed: use docker-options:add in post-create"

# dokku's triggers that are never called; a name ending in a dash stands for all that begin so
NEVER = {
    "post-extract": HOST_TREE,
    "core-post-extract": HOST_TREE,
    "pre-receive-app": f"{HOST_TREE}; receive-app is asked at the same moment",
    "builder-": "builders are ours; builder:set chooses one",
    "buildpack-stack-name": "the stack is chosen by buildpacks:set-property",
    "deploy": "the deploy is the daemon's; pre-deploy and post-deploy are called around it",
    "deploy-source": INSIDE,
    "deploy-source-set": INSIDE,
    "deployed-app-image-repo": IMAGE,
    "deployed-app-image-tag": IMAGE,
    "deployed-app-repository": IMAGE,
    "docker-args-": OPTIONS,
    "docker-cleanup": "space is freed by gc",
    "nginx-hostname": "use domains:add in post-create",
    "nginx-": PROXY,
    "caddy-": PROXY,
    "haproxy-": PROXY,
    "openresty-": PROXY,
    "traefik-": PROXY,
    "proxy-": PROXY,
    "network-": ENGINE,
    "scheduler-": ENGINE,
    "bind-external-ip": ENGINE,
    "ports-": "ports are the store's; post-proxy-ports-update tells of changes",
    "app-create": "apps are made by apps:create; post-create tells of it",
    "app-destroy": "apps are destroyed by apps:destroy; pre-delete is asked before",
    "app-list": "user-auth-app chooses which apps somebody sees",
    "app-exists": INSIDE,
    "app-maybe-create": INSIDE,
    "app-restart": INSIDE,
    "app-json-": INSIDE,
    "certs-": INSIDE,
    "checks-": INSIDE,
    "config-": INSIDE,
    "cron-": "jobs are in app.json",
    "domains-": INSIDE,
    "git-revision": INSIDE,
    "logs-": INSIDE,
    "plugin-": INSIDE,
    "procfile-": INSIDE,
    "ps-": INSIDE,
    "registry-": INSIDE,
    "resource-": INSIDE,
    "run-": INSIDE,
    "storage-": INSIDE,
    "vector-": INSIDE,
}


def called() -> dict[str, type[occasion.Occasion]]:
    """Every trigger that is called, older names included, with its occasion."""
    found: dict[str, type[occasion.Occasion]] = {}
    for kind in occasion.every():
        for name in (kind.trigger, *kind.aliases, *older(kind)):
            found[name] = kind
    return found


def older(kind: type[occasion.Occasion]) -> list[str]:
    """The names that have the builder in them."""
    if not issubclass(kind, occasion.OfBuilder):
        return []
    stem = kind.trigger.removesuffix("-builder")
    return [f"{stem}-{name}" for name in dict.fromkeys(occasion.LEGACY_BUILDERS.values())]


def never(name: str) -> str:
    """Why a trigger of dokku's is not called; "" when it is, or is none."""
    if name in called() or name in SETUP:
        return ""
    if name in NEVER:
        return NEVER[name]
    return next(
        (why for stem, why in NEVER.items() if stem[-1] == "-" and name.startswith(stem)), ""
    )


def in_vain(names: Iterable[str]) -> dict[str, str]:
    """Executables that are named after a trigger which is never called, with the reason."""
    return {name: why for name in sorted(names) if (why := never(name))}
