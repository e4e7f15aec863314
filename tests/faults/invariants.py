"""What must hold after any fault (SECURITY.md, I1 to I6), asked of the machine itself.

The kernel, the disk, the proxy and the database are read directly: the daemon's word
is not taken for anything.
"""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from paas.proxy import table
from paas.settings import Settings
from tests.e2e.instance import Instance
from tests.faults import traces
from tests.faults.prober import fetch
from tests.faults.rows import AppRow, read_apps

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.05


def check(
    instance: Instance, *, runs: Sequence[str] = (), patience_s: float = PATIENCE_S
) -> list[str]:
    """What does not hold, in words; given a while to settle. [] when all does.

    runs: ids of one-off containers that may be there.
    """
    deadline = time.monotonic() + patience_s
    while (problems := list(violations(instance, runs))) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return problems


def violations(instance: Instance, runs: Sequence[str] = ()) -> Iterator[str]:
    apps = read_apps(instance.settings)
    yield from state(instance.settings, apps)
    yield from routes(instance, apps)
    yield from traces.leaks(instance, apps, set(runs))


# -- I2: old or new, never neither ----------------------------------------------------


def state(settings: Settings, apps: Sequence[AppRow]) -> Iterator[str]:
    """Every app runs exactly its current release, as often as it should."""
    for app in apps:
        yield from (f"{app.name} is still marked {mark}" for mark in app.marks)
        pending = [one.version for one in app.releases if one.status == "pending"]
        if pending:
            yield f"{app.name} has pending releases {pending}"
        if app.current is None and any(one.status == "succeeded" for one in app.releases):
            yield f"{app.name} has no current release"
            continue
        if len(app.in_service) != app.wanted:
            yield f"{app.name} has {len(app.in_service)} in service instead of {app.wanted}"
        for container_id in app.in_service:
            yield from container(settings, app, container_id)
        yield from branch(settings, app)


def container(settings: Settings, app: AppRow, container_id: str) -> Iterator[str]:
    record = record_of(settings, container_id)
    if record is None:
        yield f"{app.name}: container {container_id} is in service and not there"
        return
    if record["exit"] is not None or not Path(f"/proc/{record['pid']}").exists():
        yield f"{app.name}: container {container_id} is in service and ended"
    if app.current and record["spec"]["release"] != app.current.version:
        version = record["spec"]["release"]
        yield f"{app.name} is at v{app.current.version}; v{version} is in service"
    if record["spec"]["app"] != app.name:
        yield f"{app.name}: container {container_id} was started as {record['spec']['app']}"


def record_of(settings: Settings, container_id: str) -> dict[str, object] | None:
    try:
        path = settings.run_dir / "containers" / container_id / "container.json"
        record: dict[str, object] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return record


def branch(settings: Settings, app: AppRow) -> Iterator[str]:
    """The branch is at the newest commit that was deployed from it."""
    repository = settings.state_dir / "repos" / f"{app.name}.git"
    if not (repository / "HEAD").exists():
        yield f"{app.name} has no repository"
    pushed = [one for one in app.releases if one.status == "succeeded" and one.pushed]
    if not pushed:
        return
    newest = max(pushed, key=lambda one: one.version)
    at = branch_at(repository)
    if at != newest.commit:
        yield f"{app.name}: main is at {at[:8]}, v{newest.version} is from {newest.commit[:8]}"


def branch_at(repository: Path) -> str:
    try:
        return (repository / "refs" / "heads" / "main").read_text().strip()
    except FileNotFoundError:
        return "nothing"


# -- I1: what is said to serve does ---------------------------------------------------


def routes(instance: Instance, apps: Sequence[AppRow]) -> Iterator[str]:
    settings = instance.settings
    told = table.decode((settings.state_dir / "proxy" / "routes").read_text())
    if set(told) != {app.name for app in apps}:
        yield f"routes for {sorted(told)}, apps {sorted(app.name for app in apps)}"
    for app in apps:
        if app.name in told:
            yield from route(settings, app, told[app.name])


def route(settings: Settings, app: AppRow, told: table.Route) -> Iterator[str]:
    expected = {address(settings, one) for one in app.in_service}
    peers = {peer.host for peer in told.peers}
    if set(told.domains) != (wanted := app.domains(settings.domain)):
        yield f"{app.name} is found at {sorted(told.domains)} instead of {sorted(wanted)}"
    if peers != expected:
        yield f"{app.name} is routed to {sorted(peers)}, in service {sorted(expected)}"
    elif expected:
        for domain in told.domains:
            yield from answers(settings, app, domain)


def answers(settings: Settings, app: AppRow, domain: str) -> Iterator[str]:
    """Every domain of an app is answered by its current release, under its current name."""
    try:
        status, body = fetch(settings.http_port, domain)
    except OSError as error:
        yield f"{app.name} does not answer on {domain}: {error}"
        return
    words = body.split(" ")
    expected = f"v{app.current.version}" if app.current else "nothing"
    if status != 200 or words[1:2] != [expected] or words[-1] != app.name:
        yield f"{app.name} answers on {domain}: {status} {body[:60]!r}"


def address(settings: Settings, container_id: str) -> str:
    record = record_of(settings, container_id)
    return str(record["address"]) if record else "nothing"
