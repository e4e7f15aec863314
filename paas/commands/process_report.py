"""What runs of an app, in words: states, exits, limits; for ps:report and ps:inspect."""

from typing import Any

from paas.commands.context import Context
from paas.deploy import boot, ends, environment, fleet, oneoff
from paas.deploy.boot import Slot
from paas.model import moments
from paas.model.app import App
from paas.model.container import Container, Kind, Limits
from paas.model.limits import show_bytes
from paas.model.process_state import ProcessState
from paas.model.release import Release
from paas.platform import Platform


def values(context: Context, app: App | None) -> dict[str, str]:
    """What ps:report shows of an app; dokku's keys first."""
    if app is None:
        return {}
    platform = context.platform
    release = platform.store.releases.current(app)
    containers = {one.spec.hostname: one for one in fleet.in_service(platform, app)}
    slots = boot.wanted(platform, app, release) if release else []
    states = platform.store.process_states.all(app)
    rows = {
        "deployed": str(release is not None).lower(),
        "disk": platform.disk.state().level.name.lower(),
        "one-off": one_off(platform, app),
        "paused": platform.store.properties.get(app, "ps", "held") or "false",
        "processes": str(sum(scale_of(platform, app).values())) if release else "0",
        "can-scale": "true",  # app.json's formation never forbids it
        "release": release.name if release else "",
        "restore": str(not app.stopped).lower(),
        "rolled-back": rolled_back(release),
        "running": running(slots, containers),
    }
    for slot in slots:
        state = states.get(slot.name, ProcessState())
        container = containers.get(slot.name)
        still = container is not None and is_frozen(platform, container)
        rows[f"status-{slot.name}"] = status(state, container, frozen=still)
        if state.last_exit is not None:
            rows[f"last-exit-{slot.name}"] = last_exit(state)
    for kind in sorted({slot.process for slot in slots}):
        rows[f"limits-{kind}"] = limits(environment.limits(platform, app, kind))
    return rows


def one_off(platform: Platform, app: App) -> str:
    """Its one-off containers that run: `run.1, cron.1`."""
    found = oneoff.list_containers(platform, app)
    return ", ".join(sorted(one.spec.hostname for one in found if one.running))


def rolled_back(release: Release | None) -> str:
    """Which release gave way to the current one by itself, and why; "" when none did."""
    if release is None or release.reverts is None:
        return ""
    return f"v{release.reverts} gave way to {release.name}: {release.description}"


def scale_of(platform: Platform, app: App) -> dict[str, int]:
    """How many of each type should run: the types of the release and those that were scaled."""
    release = platform.store.releases.current(app)
    formation = platform.store.formation.get(app)
    kinds = set(formation.counts) | set(release.image.processes if release else {"web"})
    return {
        kind: formation.count(kind)
        for kind in sorted(kinds - {"release"}, key=lambda one: (one != "web", one))
    }


def running(slots: list[Slot], containers: dict[str, Container]) -> str:
    """true, false, or mixed when only some processes run."""
    up = [bool((one := containers.get(slot.name)) and one.running) for slot in slots]
    if not any(up):
        return "false"
    return "true" if all(up) else "mixed"


def is_frozen(platform: Platform, container: Container) -> bool:
    return container.running and platform.engine.is_frozen(container.id)


def status(state: ProcessState, container: Container | None, *, frozen: bool) -> str:
    """`running (CID: abc)`, with the last exit when there was one; or why it does not run."""
    if container is not None and container.running:
        text = f"{'frozen' if frozen else 'running'} (CID: {container.id})"
        if not state.restarts:
            return text
        last = f", last: {exit_words(state)}" if state.last_exit else ""
        return f"{text}, {times(state)}{last}"
    if container is None and not state.failures_in_a_row:
        return "missing"
    words = ends.describe(container) if container is not None else exit_words(state)
    if state.gave_up:
        return f"crashed: {words}, given up after {times(state)}"
    return f"crashed: {words}" + (f", restarting, {times(state)}" if state.restarts else "")


def times(state: ProcessState) -> str:
    return f"{state.restarts} restart{'' if state.restarts == 1 else 's'}"


def exit_words(state: ProcessState) -> str:
    """Why a process ended the last time."""
    if state.last_exit is None:
        return "not healthy"
    return ends.words_of(state.last_exit, state.memory_bytes)


def last_exit(state: ProcessState) -> str:
    """`exited with code 3, v4, 2026-01-31T12:00:00Z`."""
    at = f", {moments.iso(state.last_exit_at)}" if state.last_exit_at else ""
    return f"{exit_words(state)}, v{state.exit_release}{at}"


def limits(of: Limits) -> str:
    """`memory 512 MiB, pids 256`: what is limited, in words."""
    parts = [
        of.memory_bytes and f"memory {show_bytes(of.memory_bytes)}",
        of.memory_swap_bytes and f"with swap {show_bytes(of.memory_swap_bytes)}",
        of.memory_reserved_bytes and f"memory reserved {show_bytes(of.memory_reserved_bytes)}",
        of.cpus and f"cpu {of.cpus:g}",
        of.cpus_reserved and f"cpu reserved {of.cpus_reserved:g}",
        of.pids and f"pids {of.pids}",
        f"disk {show_bytes(of.scratch_bytes)}",
        of.network_ingress_bps and f"network in {show_bytes(of.network_ingress_bps)}/s",
        of.network_egress_bps and f"network out {show_bytes(of.network_egress_bps)}/s",
        of.disk_read_bps and f"disk read {show_bytes(of.disk_read_bps)}/s",
        of.disk_write_bps and f"disk write {show_bytes(of.disk_write_bps)}/s",
    ]
    return ", ".join(part for part in parts if part)


def details(platform: Platform, container: Container) -> dict[str, Any]:
    """One container for programs: no variable's value and, for one-off runs, no command line."""
    spec = container.spec
    usage = platform.engine.usage(container.id) if container.running else None
    return {
        "id": container.id,
        "name": spec.hostname,
        "app": spec.app,
        "kind": spec.kind.value,
        "process": spec.process,
        "index": spec.index,
        "release": f"v{spec.release}" if spec.release else "",
        "running": container.running,
        "frozen": is_frozen(platform, container),
        "in_service": container.id in fleet.ids(platform, platform.store.apps.get(spec.app)),
        "pid": container.pid,
        "address": str(container.address),
        "port": spec.port,
        "started_at": moments.iso(container.started_at),
        "exit": {"code": container.exit.code, "reason": ends.describe(container)}
        if container.exit
        else None,
        "argv": list(spec.argv) if spec.kind is Kind.APP else [],
        "environment": sorted(spec.environment),
        "uid": spec.uid,
        "labels": spec.extras.labels,
        "layers": [layer.id for layer in spec.layers],
        "limits": {
            name: getattr(spec.limits, name)
            for name in Limits.__dataclass_fields__
        },
        "usage": {
            "memory_bytes": usage.memory_bytes,
            "cpu_seconds": usage.cpu_seconds,
            "pids": usage.pids,
            "read_bytes": usage.read_bytes,
            "written_bytes": usage.written_bytes,
            "received_bytes": usage.received_bytes,
            "sent_bytes": usage.sent_bytes,
        }
        if usage
        else None,
    }  # fmt: skip
