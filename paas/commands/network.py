"""network: networks that apps share, who is on which, and what is found there by name."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

import click

from paas.commands import report
from paas.commands.context import Context
from paas.commands.parameters import Checked, app_argument, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.deploy import fleet, route, shared
from paas.deploy.boot import WEB
from paas.errors import PaasError, UsageError
from paas.model import moments, names
from paas.model.app import App
from paas.store.networks import SharedNetwork

NETWORK = Checked("network", names.network_name)
network_argument = click.argument("name", type=NETWORK)


@command("network:create", Permission.WRITE)
@network_argument
def create(context: Context, name: str) -> None:
    """Make a network that apps can be attached to: network:set APP attach-post-create NAME."""
    context.platform.store.networks.create(name)
    context.record("network", f"Create network {name}")
    context.console.step(f"Creating network {name}")


@command("network:destroy", Permission.WRITE)
@network_argument
def destroy(context: Context, name: str) -> None:
    """Remove a network that no app is attached to."""
    platform = context.platform
    network = platform.store.networks.get(name)
    refuse_used(context, network)
    context.confirm(name, f"This command will destroy network {name}.")
    refuse_used(context, network)
    platform.store.networks.remove(name)
    platform.networks.remove_app(network.slot)
    shared.tell(platform)
    context.record("network", f"Destroy network {name}")
    context.console.step(f"Destroying network {name}")


def refuse_used(context: Context, network: SharedNetwork) -> None:
    """PaasError while somebody is to be on it, or is."""
    wanting = on(context, network)
    if wanting:
        raise PaasError(
            f"network {network.name} has apps attached: {', '.join(wanting)}",
            f"detach them: network:set {wanting[0]} attach-post-create",
        )
    if members := containers_on(context, network):
        text = ", ".join(f"{one['container']} of {one['app']}" for one in members)
        raise PaasError(
            f"network {network.name} still has containers on it: {text}",
            f"take them off: network:rebuild {members[0]['app']}",
        )


def on(context: Context, network: SharedNetwork) -> list[str]:
    """Names of the apps that are to be on it."""
    platform = context.platform
    with platform.store.view():
        wishes = [(app, shared.wanted(platform, app)) for app in platform.store.apps.list()]
    return [app.name for app, wanted in wishes if network.name in {one.name for one in wanted}]


def containers_on(context: Context, network: SharedNetwork) -> list[dict[str, str]]:
    """Who is on it now, and where."""
    platform = context.platform
    found = []
    for container_id in platform.networks.members(network.slot):
        container = platform.engine.get(container_id)
        address = platform.networks.joined(container_id).get(network.slot)
        found.append(
            {
                "app": container.spec.app if container else "",
                "container": container.spec.hostname if container else container_id,
                "id": container_id,
                "address": str(address or ""),
            }
        )
    return sorted(found, key=lambda one: (one["app"], one["container"]))


@command("network:exists", Permission.READ)
@network_argument
def exists(context: Context, name: str) -> int:
    """Tell by the exit code whether a network is there."""
    found = context.platform.store.networks.find(name) is not None
    context.console.line("Network exists" if found else "Network does not exist")
    return 0 if found else 1


@command("network:list", Permission.READ)
@format_option
def list_networks(context: Context, format_: str) -> None:
    """List the networks that apps can share."""
    found = context.platform.store.networks.list()
    if format_ == "json":
        context.console.json([described(context, one) for one in found])
        return
    context.console.heading("Networks")
    for one in found:
        context.console.line(one.name)


@command("network:info", Permission.READ)
@network_argument
@format_option
def info(context: Context, name: str, format_: str) -> None:
    """Show a network: its addresses, the apps that are to be on it, and the containers that are."""
    values = described(context, context.platform.store.networks.get(name))
    if format_ == "json":
        context.console.json(values)
        return
    context.console.heading(f"{name} network information")
    for label in ("subnet", "bridge", "created_at"):
        context.console.line(
            f"       {label.replace('_', ' ').capitalize() + ':':<14}{values[label]}"
        )
    context.console.line(f"       {'Apps:':<14}{', '.join(values['apps']) or 'none'}")
    for one in values["containers"]:
        context.console.line(f"       {one['container']} of {one['app']}: {one['address']}")


def described(context: Context, network: SharedNetwork) -> dict[str, Any]:
    settings = context.platform.settings
    return {
        "name": network.name,
        "driver": "bridge",
        "subnet": str(settings.subnet(network.slot)),
        "bridge": settings.bridge(network.slot),
        "created_at": moments.iso(network.created_at),
        "apps": on(context, network),
        "containers": containers_on(context, network),
    }


@command("network:rebuild", Permission.WRITE)
@app_argument
def rebuild(context: Context, app: App) -> None:
    """Have an app's running containers be on its networks now, and on no others."""
    rebuild_one(context, app)


def rebuild_one(context: Context, app: App) -> None:
    count = shared.rebuild(context.platform, app)
    context.record("network", "Rebuild", app)
    context.console.step(f"Rebuilt the networks of {app.name}: {count} containers")


@command("network:rebuildall", Permission.WRITE)
def rebuild_all(context: Context) -> None:
    """The same for every app."""
    for app in context.platform.store.apps.list():
        rebuild_one(context, app)


# -- properties -----------------------------------------------------------------------------


def network_names(text: str) -> str:
    """Names parted by commas or spaces, as they are kept."""
    found = [names.network_name(one) for one in re.split(r"[,\s]+", text) if one]
    return ",".join(dict.fromkeys(found))


def existing(context: Context, _app: App, text: str) -> str:
    """The same, of networks that are there."""
    for name in shared.listed(text):
        context.platform.store.networks.get(name)
    return text


def top_level(text: str) -> str:
    """What follows the names, without a dot at either end."""
    return names.domain_name(text.strip("."))


def listener(text: str) -> str:
    """An address and a port: where something answers that does not run here."""
    host, colon, port = text.rpartition(":")
    try:
        address = IPv4Address(host)
    except AddressValueError as error:
        raise UsageError(
            f"{text[:80]!r} is not an address and a port", "such as 127.0.0.1:8080"
        ) from error
    if not colon or not re.fullmatch(r"[1-9]\d{0,4}", port, re.ASCII) or int(port) > 65535:
        raise UsageError(f"{text[:80]!r} has no port", "such as 127.0.0.1:8080")
    return f"{address}:{port}"


def no_container(context: Context, _app: App, text: str) -> str:
    """The same, when it is not a container of another app."""
    pool = IPv4Network(context.platform.settings.subnet_pool)
    if IPv4Address(text.rpartition(":")[0]) in pool:
        raise PaasError(
            f"{text} is an address of the platform's own containers",
            "they change with every deploy: give the app's own domain",
        )
    return text


def internal_only(text: str) -> str:
    if text == "false":
        return text
    raise UsageError(
        "containers are never on the server's own addresses: bind-all-interfaces stays false",
        "open a port of the server for the app: ports:add",
    )


def when_set(context: Context, app: App | None) -> None:
    """What runs joins at once; it leaves with its next start, or by network:rebuild."""
    shared.tell(context.platform)
    if app is not None:
        route.publish(context.platform, app)


def values(context: Context, app: App | None) -> dict[str, str]:
    if app is None:
        return {}
    peers = [
        f"{one.address}:{one.spec.port}"
        for one in fleet.in_service(context.platform, app)
        if one.running and one.spec.process == WEB
    ]
    on = [one.name for one in shared.wanted(context.platform, app)]
    return {"web-listeners": " ".join(peers), "networks": " ".join(on)}


ATTACH_WORDS = {
    "attach-post-create": "networks a container is on from its start, runs and tasks too",
    "attach-post-deploy": "networks a container is on once it is healthy, before requests go there",
    "initial-network": "the same as attach-post-create: an app keeps a network of its own",
}

report.register(
    report.Namespace(
        "network",
        "network",
        "which networks an app is on, and where it listens",
        values,
        properties=(
            *(
                report.Property(key, words, network_names, kept=existing)
                for key, words in ATTACH_WORDS.items()
            ),
            report.Property(
                "bind-all-interfaces", "always false", internal_only, default=lambda _: "false"
            ),
            report.Property(
                shared.LISTENER, "an address and port that requests go to, in place of containers",
                listener, has_global=False, kept=no_container,
            ),
            report.Property("tld", "what follows names on networks, such as svc.local", top_level),
        ),
        when_set=when_set,
        set_permission=Permission.ADMIN,
    )
)  # fmt: skip
