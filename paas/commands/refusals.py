"""Refusals: what dokku has and this has not, each with the reason in words. Nothing else is here.

The command line answers with them, so that a script's author learns why and what to do.
"""

from dataclasses import dataclass

from paas.errors import PaasError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no such thing, and what does it instead."""

    reason: str
    instead: str


ONE_PROXY = "nginx is the only proxy here"
ONE_SCHEDULER = "containers run on this server, by its own engine"
SHIPPED = Refusal("the daemon ships logs itself, without vector", "paas logs:set APP sinks URL")

# by namespace: every command of it
NAMESPACES = {
    "builder-herokuish": Refusal(
        "buildpacks run on the platform's own stacks, on any processor",
        "paas buildpacks:set-property APP stack",
    ),
    "builder-lambda": Refusal("functions for AWS are not built here", "paas builder:set APP"),
    "builder-nixpacks": Refusal("there is no nixpacks builder", "buildpacks or a Dockerfile"),
    "builder-railpack": Refusal("there is no railpack builder", "buildpacks or a Dockerfile"),
    "caddy": Refusal(ONE_PROXY, "paas nginx:help"),
    "haproxy": Refusal(ONE_PROXY, "paas nginx:help"),
    "openresty": Refusal(ONE_PROXY, "paas nginx:help"),
    "scheduler-k3s": Refusal(ONE_SCHEDULER, "paas scheduler:report"),
    "scheduler-kubernetes": Refusal(ONE_SCHEDULER, "paas scheduler:report"),
    "scheduler-nomad": Refusal(ONE_SCHEDULER, "paas scheduler:report"),
    "tar": Refusal("dokku dropped it for git:from-archive", "paas git:from-archive APP -"),
    "traefik": Refusal(ONE_PROXY, "paas nginx:help"),
}
COMMANDS = {
    "logs:vector-logs": SHIPPED,
    "logs:vector-start": SHIPPED,
    "logs:vector-stop": SHIPPED,
}
# by namespace and key
PROPERTIES = {
    ("logs", "vector-image"): SHIPPED,
    ("logs", "vector-sink"): SHIPPED,
}
# by command and flag
NO_DEVICES = Refusal("containers have no devices of the server", "nothing does it instead")
NO_LANE = Refusal("a bandwidth is bounded and not kept free", "paas resource:limit --network")
FLAGS = {
    ("resource:limit", "--nvidia-gpu"): NO_DEVICES,
    ("resource:reserve", "--memory-swap"): Refusal(
        "swap is bounded and not kept free", "paas resource:limit --memory-swap"
    ),
    ("resource:reserve", "--network"): NO_LANE,
    ("resource:reserve", "--network-egress"): NO_LANE,
    ("resource:reserve", "--network-ingress"): NO_LANE,
    ("resource:reserve", "--nvidia-gpu"): NO_DEVICES,
}


def of_command(name: str) -> PaasError | None:
    """Why a command is not there, when that is known."""
    found = COMMANDS.get(name) or NAMESPACES.get(name.partition(":")[0])
    return told(f"{name} is not supported", found)


def of_property(namespace: str, key: str) -> PaasError | None:
    """Why a namespace has no such property, when that is known."""
    return told(f"{key} is not supported", PROPERTIES.get((namespace, key)))


def of_flag(command: str, word: str) -> PaasError | None:
    """Why a command has no such flag, when that is known."""
    flag = word.partition("=")[0]
    found = FLAGS.get((command, flag))
    return told(f"{command} has no {flag}", found)


def told(words: str, found: Refusal | None) -> PaasError | None:
    return None if found is None else PaasError(f"{words}: {found.reason}", found.instead)
