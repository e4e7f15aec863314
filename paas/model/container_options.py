"""Docker's options of containers that mean something here, and what they come to. Pure.

Each option says which field it sets: of the container's limits, of its extras, of the
container itself, or of its variables. What is kept is text; it is read again when a
container is started.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from paas.errors import UsageError
from paas.model import docker_values as values
from paas.model import limits
from paas.model.container import ContainerSpec
from paas.model.restart import RestartPolicy

LIMITS, EXTRAS, CONTAINER, VARIABLES, OURS = "limits", "extras", "container", "variables", "ours"
SECONDS = 86_400
HIGHEST_GROUP = values.NUMBERS - 1


@dataclass(frozen=True, slots=True)
class ContainerOption:
    """One option: the field it sets, and how its value is read. many: each adds one."""

    place: str
    field: str
    read: Callable[[str], Any]
    many: bool = False
    takes_value: bool = True


OPTIONS: Mapping[str, ContainerOption] = {
    "--add-host": ContainerOption(EXTRAS, "hosts", values.host, many=True),
    "--cap-drop": ContainerOption(EXTRAS, "dropped", values.capability, many=True),
    "--cpu-shares": ContainerOption(LIMITS, "cpu_shares", values.number(2, limits.MOST_CPU_SHARES)),
    "--cpus": ContainerOption(LIMITS, "cpus", values.of_limit("cpu")),
    "--dns": ContainerOption(EXTRAS, "dns", values.address, many=True),
    "--dns-option": ContainerOption(EXTRAS, "dns_options", values.resolver_option, many=True),
    "--dns-search": ContainerOption(EXTRAS, "dns_search", values.domain, many=True),
    "--env": ContainerOption(VARIABLES, "environment", values.variable, many=True),
    "--group-add": ContainerOption(CONTAINER, "groups", values.number(0, HIGHEST_GROUP), many=True),
    "--hostname": ContainerOption(EXTRAS, "host_name", values.host_name),
    "--init": ContainerOption(CONTAINER, "init", values.yes_or_no, takes_value=False),
    "--label": ContainerOption(EXTRAS, "labels", values.pair, many=True),
    "--memory": ContainerOption(LIMITS, "memory_bytes", values.size(limits.SMALLEST_MEMORY_BYTES)),
    "--memory-reservation": ContainerOption(LIMITS, "memory_reserved_bytes", values.size(1 << 20)),
    "--memory-swap": ContainerOption(LIMITS, "memory_swap_bytes", values.size(1 << 20)),
    "--pids-limit": ContainerOption(LIMITS, "pids", values.pids),
    "--read-only": ContainerOption(EXTRAS, "read_only", values.yes_or_no, takes_value=False),
    "--restart": ContainerOption(EXTRAS, "restart", lambda text: str(RestartPolicy.parse(text))),
    "--security-opt": ContainerOption(OURS, "security", values.nothing_new),
    "--shm-size": ContainerOption(EXTRAS, "shm_bytes", values.size(4096)),
    "--stop-signal": ContainerOption(CONTAINER, "stop_signal", values.stop_signal),
    "--stop-timeout": ContainerOption(EXTRAS, "stop_timeout_s", values.number(0, SECONDS)),
    "--tmpfs": ContainerOption(EXTRAS, "memory_mounts", values.memory_mount, many=True),
    "--ulimit": ContainerOption(EXTRAS, "ulimits", values.ulimit, many=True),
    "--user": ContainerOption(CONTAINER, "user", values.user),
    "--workdir": ContainerOption(CONTAINER, "cwd", values.path),
}


# -- a container with them ---------------------------------------------------------------------


def checked(name: str, text: str) -> str:
    """The text as it is, or UsageError when it is no value for this option."""
    try:
        OPTIONS[name].read(text)
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", error.hint) from error
    return text


def apply(spec: ContainerSpec, options: Iterable[str]) -> ContainerSpec:
    """The container as the options, kept as text, want it; later ones win."""
    found: dict[str, dict[str, Any]] = {LIMITS: {}, EXTRAS: {}, CONTAINER: {}, VARIABLES: {}}
    for text in options:
        name, _, value = read(text)
        option = OPTIONS[name]
        fields = found.setdefault(option.place, {})
        made = option.read(value)
        fields[option.field] = (*fields.get(option.field, ()), made) if option.many else made
    container, extras = found[CONTAINER], found[EXTRAS]
    container["groups"] = (*spec.groups, *container.get("groups", ()))
    extras["labels"] = dict(extras.get("labels", ()))
    said = found[VARIABLES].get("environment", ())
    variables = {key: value for key, value in said if value is not None}
    return replace(
        spec,
        limits=replace(spec.limits, **found[LIMITS]),
        extras=replace(spec.extras, **extras),
        environment={**spec.environment, **variables},
        **container.pop("user", {}),
        **container,
    )


def read(text: str) -> tuple[str, str, str]:
    """Name, what is between, and value of a kept option: `--init`, `--init=false`, `-e 'A=b c'`."""
    name, *rest = shlex.split(text)
    if rest:
        return name, " ", rest[0]
    name, equals, value = name.partition("=")
    return name, equals, value if equals else "true"
