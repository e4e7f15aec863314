"""I3: what an instance leaves on the machine, against what its apps account for."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from paas.engines.embedded.cgroups import Cgroups
from paas.settings import Settings
from tests.e2e.instance import Instance
from tests.faults.rows import AppRow


def leaks(instance: Instance, apps: Sequence[AppRow], runs: set[str]) -> Iterator[str]:
    """Everything that is there and belongs to no container in service, to no run and to no app."""
    settings = instance.settings
    owned = {one for app in apps for one in app.in_service} | runs
    for what, found in of_containers(settings, mounts(instance)).items():
        if extra := found - owned:
            yield f"{what} of nobody: {sorted(extra)}"
    for what, (found, expected) in of_apps(settings, apps).items():
        if extra := found - expected:
            yield f"{what} left: {sorted(extra)}"
    yield from links(settings, apps)
    yield from processes(settings, owned)


def mounts(instance: Instance) -> list[str]:
    """Mount points, as the daemon sees them."""
    process = instance.process
    pid = process.pid if process and process.poll() is None else "self"
    lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in lines]


def of_containers(settings: Settings, points: Sequence[str]) -> dict[str, set[str]]:
    """Container ids by the kind of trace they have left."""
    run, state = settings.run_dir, settings.state_dir
    loops = [*backing_files()]
    scratch = f"{state}/scratch/"
    roots = (f"{run}/containers/", scratch, f"{run}/netns/")
    return {
        "directory": names(run / "containers"),
        "runc state": names(run / "runc"),
        "exit file": names(run / "exits"),
        "network namespace": names(run / "netns"),
        "cgroup": Cgroups(settings.cgroup_name).found(),
        "scratch": {one.name for one in (state / "scratch").glob("*/")},
        "mount": {below(point, root) for root in roots for point in points if root in point},
        "loop device": {below(text, scratch) for text in loops if text.startswith(scratch)},
    }


def backing_files() -> Iterator[str]:
    """The files behind the loop devices that there are; one may go while it is looked at."""
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            yield path.read_text()


def below(path: str, root: str) -> str:
    """The name right below a root, of a path that may lead on."""
    return path.removeprefix(root).split("/")[0].strip()


def names(directory: Path) -> set[str]:
    """What is in a directory; nothing when it is not there, or goes while it is looked at."""
    try:
        return set(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return set()


def incoming(repositories: Path) -> set[str]:
    """Where git takes in what is pushed; a repository may go while it is looked at."""
    return {
        f"{repository}/{one}"
        for repository in names(repositories)
        for one in names(repositories / repository / "objects")
        if "incoming" in one
    }


def files_in(layer: Path) -> str:
    """The layer that has a layer's files: itself, or the one with the same content."""
    try:
        return str(json.loads((layer / "layer.json").read_text()).get("same_as") or layer.name)
    except OSError:
        return layer.name


def of_apps(settings: Settings, apps: Sequence[AppRow]) -> dict[str, tuple[set[str], set[str]]]:
    """What is there and what may be, by kind."""
    run, state = settings.run_dir, settings.state_dir
    called = {app.name for app in apps}
    needed = {layer for app in apps for one in app.releases for layer in one.layers}
    needed |= {files_in(state / "layers" / one) for one in needed}
    layers = {name for name in names(state / "layers") if name.startswith(("source-", "predep"))}
    return {
        "build directory": (names(run / "builds"), set()),
        "layer draft": (names(state / "layers" / "building"), set()),
        "source layer": (layers, needed),
        "user namespace": (names(run / "userns"), {"0", *(str(app.slot) for app in apps)}),
        "repository": (names(state / "repos"), {f"{name}.git" for name in called}),
        "cache": (names(state / "cache"), {str(app.id) for app in apps}),
        "log directory": (names(state / "logs"), called),
        "build logs": (names(state / "builds"), called),
        "draft of mount points": ({one for one in names(state / "points") if "." in one}, set()),
        "draft of scratch space": ({one.name for one in (state / "scratch").glob(".*")}, set()),
        "pushed objects": (incoming(state / "repos"), set()),
        "draft in the state directory": (
            {one for one in names(state) if one.startswith(".")},
            set(),
        ),
    }


def links(settings: Settings, apps: Sequence[AppRow]) -> Iterator[str]:
    listing = subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout
    found = {one["ifname"] for one in json.loads(listing)}
    expected = {settings.bridge(slot) for slot in {app.slot for app in apps} | {0}}
    expected |= {settings.link(one) for one in names(settings.run_dir / "containers")}
    prefixes = (settings.bridge(0).removesuffix("0"), settings.name)
    if extra := {name for name in found if name.startswith(prefixes)} - expected:
        yield f"links left: {sorted(extra)}"


def processes(settings: Settings, owned: set[str]) -> Iterator[str]:
    """runc and git are nobody's once nothing is under way; conmon is its container's."""
    own = str(settings.state_dir.parent)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            place = (entry / "cwd").readlink()
        except OSError:
            continue
        program = Path(words[0]).name
        ours = place.is_relative_to(own) or any(own in word for word in words)
        if ours and (
            program in ("runc", "git") or (program == "conmon" and not owned & set(words))
        ):
            yield f"process left: {' '.join(words)[:120]}"
