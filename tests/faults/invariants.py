"""What must hold after any fault (SECURITY.md, I1 to I6), asked of the machine itself.

The kernel, the disk, the proxy and the database are read directly: the daemon's word
is not taken for anything.
"""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from paas.engines.embedded.cgroups import Cgroups
from paas.proxy import table
from paas.settings import Settings
from tests.e2e.instance import Instance
from tests.faults.prober import fetch

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Release:
    version: int
    status: str
    current: bool
    layers: frozenset[str]


@dataclass(frozen=True)
class AppRow:
    """One app as the database has it."""

    id: int
    name: str
    slot: int
    stopped: bool
    in_service: tuple[str, ...]
    counts: dict[str, int]
    releases: tuple[Release, ...]
    marks: tuple[str, ...]

    @property
    def current(self) -> Release | None:
        return next((one for one in self.releases if one.current), None)


def check(
    instance: Instance, *, runs: Sequence[str] = (), patience_s: float = PATIENCE_S
) -> list[str]:
    """What does not hold, in words; given a while to settle. [] when all does.

    runs: ids of one-off containers that may be there.
    """
    deadline = time.monotonic() + patience_s
    while (problems := list(violations(instance, runs))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return problems


def violations(instance: Instance, runs: Sequence[str] = ()) -> Iterator[str]:
    apps = read_apps(instance.settings)
    yield from state(instance.settings, apps)
    yield from routes(instance, apps)
    serving = {one for app in apps for one in app.in_service}
    yield from leaks(instance.settings, apps, serving | set(runs))


# -- I2: old or new, never neither ----------------------------------------------------


def read_apps(settings: Settings) -> list[AppRow]:
    with sqlite3.connect(f"file:{settings.state_dir}/paas.db?mode=ro", uri=True) as database:
        rows = database.execute("SELECT id, name, slot, stopped FROM apps").fetchall()
        return [read_app(database, *row) for row in rows]


def read_app(database: sqlite3.Connection, id_: int, name: str, slot: int, stopped: int) -> AppRow:
    query = "SELECT key, value FROM properties WHERE app_id = ? AND namespace = ?"
    service = dict(database.execute(query, (id_, "ps"))).get("in-service", "[]")
    marks = [key for key, _ in database.execute(query, (id_, "apps"))]
    counts = dict(
        database.execute("SELECT process_type, count FROM formation WHERE app_id = ?", (id_,))
    )
    releases = database.execute(
        "SELECT version, status, current, image FROM releases WHERE app_id = ?", (id_,)
    )
    return AppRow(
        id_,
        name,
        slot,
        bool(stopped),
        tuple(json.loads(service)),
        counts,
        tuple(
            Release(
                version,
                status,
                bool(current),
                frozenset(layer["id"] for layer in json.loads(image)["layers"]),
            )
            for version, status, current, image in releases
        ),
        tuple(marks),
    )


def state(settings: Settings, apps: Sequence[AppRow]) -> Iterator[str]:
    """Every app runs exactly its current release, as often as it should."""
    for app in apps:
        yield from (f"{app.name} is still marked {mark}" for mark in app.marks)
        pending = [one.version for one in app.releases if one.status == "pending"]
        if pending:
            yield f"{app.name} has pending releases {pending}"
        served = any(one.status == "succeeded" for one in app.releases)
        if served and app.current is None:
            yield f"{app.name} has no current release"
            continue
        wanted = 0 if app.stopped or app.current is None else app.counts.get("web", 1)
        if len(app.in_service) != wanted:
            yield f"{app.name} has {len(app.in_service)} in service instead of {wanted}"
        for container_id in app.in_service:
            yield from container(settings, app, container_id)
        if not (settings.state_dir / "repos" / f"{app.name}.git" / "HEAD").exists():
            yield f"{app.name} has no repository"


def container(settings: Settings, app: AppRow, container_id: str) -> Iterator[str]:
    try:
        path = settings.run_dir / "containers" / container_id / "container.json"
        record = json.loads(path.read_text())
    except FileNotFoundError:
        yield f"{app.name}: container {container_id} is in service and not there"
        return
    if record["exit"] is not None or not Path(f"/proc/{record['pid']}").exists():
        yield f"{app.name}: container {container_id} is in service and ended"
    if app.current and record["spec"]["release"] != app.current.version:
        version = record["spec"]["release"]
        yield f"{app.name} is at v{app.current.version}; v{version} is in service"
    if record["spec"]["app"] != app.name:
        yield f"{app.name}: container {container_id} was started as {record['spec']['app']}"


# -- I1: what is said to serve does ---------------------------------------------------


def routes(instance: Instance, apps: Sequence[AppRow]) -> Iterator[str]:
    settings = instance.settings
    told = table.decode((settings.state_dir / "proxy" / "routes").read_text())
    if set(told) != {app.name for app in apps}:
        yield f"routes for {sorted(told)}, apps {sorted(app.name for app in apps)}"
    for app in apps:
        expected = {address(settings, one) for one in app.in_service}
        peers = {peer.host for peer in told[app.name].peers} if app.name in told else set()
        if peers != expected:
            yield f"{app.name} is routed to {sorted(peers)}, in service {sorted(expected)}"
        elif expected:
            try:
                status, body = fetch(settings.http_port, f"{app.name}.{settings.domain}")
            except OSError as error:
                yield f"{app.name} does not answer: {error}"
                continue
            if status != 200 or body.split(" ")[0] != app.name:
                yield f"{app.name} answers {status} {body[:60]!r}"


def address(settings: Settings, container_id: str) -> str:
    try:
        path = settings.run_dir / "containers" / container_id / "container.json"
        return str(json.loads(path.read_text())["address"])
    except FileNotFoundError:
        return "nothing"


# -- I3: nothing leaks ----------------------------------------------------------------


def leaks(settings: Settings, apps: Sequence[AppRow], serving: set[str]) -> Iterator[str]:
    slots = {app.slot for app in apps}
    for what, found in traces(settings).items():
        if extra := found - serving:
            yield f"{what} of nobody: {sorted(extra)}"
    yield from left_files(settings, apps, slots)
    yield from left_links(settings, slots)
    yield from left_processes(settings)


def traces(settings: Settings) -> dict[str, set[str]]:
    """Container ids by the kind of trace they have left."""
    run, state_ = settings.run_dir, settings.state_dir
    mounts = Path("/proc/self/mountinfo").read_text()
    loops = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    scratch = f"{state_}/scratch/"
    return {
        "directory": names(run / "containers"),
        "runc state": names(run / "runc"),
        "exit file": names(run / "exits"),
        "network namespace": names(run / "netns"),
        "cgroup": Cgroups(settings.cgroup_name).found(),
        "scratch": {one.name for one in (state_ / "scratch").glob("*/")},
        "mount": {
            word.split("/")[0]
            for line in mounts.splitlines()
            for root in (f"{run}/containers/", scratch, f"{run}/netns/")
            for word in [line.split()[4].removeprefix(root)]
            if line.split()[4].startswith(root)
        },
        "loop device": {
            text.removeprefix(scratch).split("/")[0] for text in loops if text.startswith(scratch)
        },
    }


def names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()


def left_files(settings: Settings, apps: Sequence[AppRow], slots: set[int]) -> Iterator[str]:
    run, state_ = settings.run_dir, settings.state_dir
    needed = {layer for app in apps for one in app.releases for layer in one.layers}
    own = {name for name in names(state_ / "layers") if name.startswith(("source-", "predeploy-"))}
    allowed: dict[str, tuple[set[str], set[str]]] = {
        "build directory": (names(run / "builds"), set()),
        "layer draft": (names(state_ / "layers" / "building"), set()),
        "source layer": (own, needed),
        "user namespace": (names(run / "userns"), {str(slot) for slot in slots}),
        "repository": (names(state_ / "repos"), {f"{app.name}.git" for app in apps}),
        "cache": (names(state_ / "cache"), {str(app.id) for app in apps}),
        "draft of mount points": (
            {name for name in names(state_ / "points") if "." in name}, set(),
        ),
        "pushed objects": (
            {str(path) for path in (state_ / "repos").glob("*/objects/*incoming*")}, set(),
        ),
    }  # fmt: skip
    for what, (found, expected) in allowed.items():
        if extra := found - expected:
            yield f"{what} left: {sorted(extra)}"


def left_links(settings: Settings, slots: set[int]) -> Iterator[str]:
    listing = subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout
    found = {one["ifname"] for one in json.loads(listing)}
    directory = names(settings.run_dir / "containers")
    expected = {settings.bridge(slot) for slot in slots | {0}}
    expected |= {settings.link(container_id) for container_id in directory}
    prefixes = (settings.bridge(0).removesuffix("0"), settings.name)
    if extra := {name for name in found if name.startswith(prefixes)} - expected:
        yield f"links left: {sorted(extra)}"


def left_processes(settings: Settings) -> Iterator[str]:
    """runc and git are nobody's once nothing is under way."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        program = Path(words[0]).name
        if program in ("runc", "git") and any(str(settings.state_dir.parent) in w for w in words):
            yield f"process left: {' '.join(words)[:120]}"
