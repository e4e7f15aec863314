"""What runs of an app, in words: states, exits, limits; for ps:report and ps:inspect."""

from typing import Any

from paas.commands.context import Context
from paas.deploy import boot, environment, fleet, health
from paas.deploy.boot import Slot
from paas.model.app import App
from paas.model.container import Container, ExitStatus, Kind, Limits
from paas.model.limits import show_bytes
from paas.platform import Platform, SlotHealth


def values(context: Context, app: App | None) -> dict[str, str]:
    """What ps:report shows of an app; dokku's keys first."""
    if app is None:
        return {"restart-policy": "always, with backoff"}
    platform = context.platform
    release = platform.store.releases.current(app)
    containers = {one.spec.hostname: one for one in fleet.in_service(platform, app)}
    slots = boot.wanted(platform, app, release) if release else []
    rows = {
        "deployed": str(release is not None).lower(),
        "processes": str(sum(scale_of(platform, app).values())) if release else "0",
        "release": release.name if release else "",
        "restart-policy": "always, with backoff",
        "restore": str(not app.stopped).lower(),
        "running": running(slots, containers),
    }
    for slot in slots:
        rows[f"status-{slot.name}"] = status(platform, app, slot, containers.get(slot.name))
    for kind in sorted({slot.process for slot in slots}):
        rows[f"limits-{kind}"] = limits(environment.limits(platform, app, kind))
    return rows


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


def status(platform: Platform, app: App, slot: Slot, container: Container | None) -> str:
    """`running (CID: abc)`, with the last exit when there was one; or why it does not run."""
    memory = platform.slot_health.get((app.name, slot.process, slot.index))
    if container is not None and container.running:
        text = f"running (CID: {container.id})"
        if memory is None or memory.last_exit is None:
            return text
        limit = container.spec.limits.memory_bytes
        return f"{text}, {times(memory)}, last: {exit_words(memory.last_exit, limit)}"
    if container is not None:
        again = f", restarting, {times(memory)}" if memory else ""
        return f"crashed: {health.describe_exit(container)}{again}"
    if memory is not None and memory.last_exit is not None:
        return f"crashed: {exit_words(memory.last_exit, None)}, restarting, {times(memory)}"
    return "missing"


def times(memory: SlotHealth) -> str:
    return f"{memory.restarts} restart{'' if memory.restarts == 1 else 's'}"


def exit_words(ended: ExitStatus, memory_bytes: int | None) -> str:
    """Why a process ended; its memory limit beside it when that was why."""
    if ended.out_of_memory and memory_bytes:
        return f"{ended.reason} {show_bytes(memory_bytes)}"
    return ended.reason


def limits(of: Limits) -> str:
    """`memory 512 MiB, pids 256`: what is limited, in words."""
    parts = [
        of.memory_bytes and f"memory {show_bytes(of.memory_bytes)}",
        of.cpus and f"cpu {of.cpus:g}",
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
        "in_service": container.id in fleet.ids(platform, platform.store.apps.get(spec.app)),
        "pid": container.pid,
        "address": str(container.address),
        "port": spec.port,
        "started_at": f"{container.started_at:%Y-%m-%dT%H:%M:%SZ}",
        "exit": {"code": container.exit.code, "reason": health.describe_exit(container)}
        if container.exit
        else None,
        "argv": list(spec.argv) if spec.kind is Kind.APP else [],
        "environment": sorted(spec.environment),
        "uid": spec.uid,
        "layers": [layer.id for layer in spec.layers],
        "limits": {
            name: getattr(spec.limits, name)
            for name in Limits.__dataclass_fields__
        },
        "usage": {
            "memory_bytes": usage.memory_bytes,
            "cpu_seconds": usage.cpu_seconds,
            "pids": usage.pids,
        }
        if usage
        else None,
    }  # fmt: skip
