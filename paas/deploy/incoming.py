"""Incoming: what comes by another way than a push goes the way of a push from here on.

An archive or a remote repository is read in a container of its own (buildpacks/sources),
which leaves one pack; git judges it as it judges a push, in a quarantine; then the
commit waits its turn and is deployed, and only after the switch the branch moves.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paas.console import Console
from paas.deploy import landing, policies, queue, receive
from paas.deploy.images import bench as benches
from paas.deploy.images.bench import Work
from paas.engines.embedded.cells import cell
from paas.engines.embedded.cgroups import Cgroups
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.git import arrivals, pushes
from paas.git.pushes import Registered
from paas.git.repositories import ENTRIES, commit_id
from paas.model.app import App
from paas.model.caller import Caller
from paas.model.container import Mount, Power
from paas.model.push import NOTHING, Update
from paas.model.release import Layer
from paas.platform import Platform
from paas.turns import Turns

PROGRAM, RESULTS = "sources", ("source", "error")
PACK = "pack"
# an archive, its objects and their pack lie side by side for a while
COPIES = 3
# of one app; what others read waits for none of them
READINGS = Turns(2, "reading for this app")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something on its way into an app's repository, with the quarantine it is in."""

    platform: Platform
    app: App
    registered: Registered
    environment: dict[str, str] = field(repr=False)

    @property
    def console(self) -> Console:
        return self.registered.console


@dataclass(frozen=True, slots=True)
class Errand:
    """What is to be read and with what. secrets: files for the reader alone."""

    verb: str
    options: dict[str, Any]
    words: str
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    stdin: int | None = None
    layers: tuple[Layer, ...] = ()  # what it runs on; none: what builds run on


@contextmanager
def arriving(platform: Platform, name: str, caller: Caller, console: Console) -> Iterator[Arrival]:
    """A push of a kind: known as one as long as the block runs; the app is made if need be.

    At the end the branch is moved to what was deployed.
    """
    receive.prepare_push(platform, name, caller.name)
    app = platform.store.apps.get(name)
    with pushes.registered(app.name, caller, console) as token:
        path = platform.repositories.path(app.name)
        with arrivals.quarantined(platform.settings, path) as environment:
            yield Arrival(platform, app, pushes.find(token), environment)


def read(arrival: Arrival, errand: Errand) -> dict[str, Any]:
    """Do the errand; its report, any new objects being in the quarantine."""
    platform = arrival.platform
    with (
        READINGS.hold(str(arrival.app.id), arrival.console, errand.words),
        platform.layers.leased(),
        benches.bench(platform, arrival.app, arrival.console) as bench,
        benches.drafts(bench) as out,
    ):
        objects = platform.repositories.path(arrival.app.name) / "objects"
        mounts = (Mount(objects, "/objects"), Mount(out, "/out", read_only=False))
        work = made(platform, errand, mounts)
        found: dict[str, Any] = benches.run(bench, work, errand.stdin)["source"]
        failpoint("incoming.read")
        commit_id(str(found.get("commit")))
        take(arrival, out)
        return found


def made(platform: Platform, errand: Errand, mounts: tuple[Mount, ...]) -> Work:
    bytes_ = platform.settings.push_max_bytes
    return Work(
        errand.verb,
        {**errand.options, "bytes": bytes_, "entries": ENTRIES},
        mounts,
        disk_bytes=platform.disk.allowance(COPIES * bytes_),
        power=Power.NONE,
        results=RESULTS,
        words=errand.words,
        secrets=errand.secrets,
        program=PROGRAM,
        layers=errand.layers or platform.stack.build_layers,
    )


def take(arrival: Arrival, out: Path) -> None:
    """Have git judge the pack that was left, if there is one."""
    platform, settings = arrival.platform, arrival.platform.settings
    try:
        descriptor = os.open(out / PACK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    with os.fdopen(descriptor, "rb") as pack, bounds(platform) as prepare:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PaasError("what came in left no pack", "try again")
        path = platform.repositories.path(arrival.app.name)
        arrivals.take(settings, platform.runner, path, arrival.environment, pack, prepare)
    failpoint("incoming.taken")


@contextmanager
def bounds(platform: Platform) -> Iterator[Callable[[], None]]:
    """What has git's memory limited, as that of a push is."""
    limit = platform.settings.push_memory_bytes
    with cell(Cgroups(platform.settings.cgroup_name), limit) as made_:
        try:
            yield made_.enter
        except PaasError as error:
            if not made_.ran_out:
                raise
            raise PaasError(
                f"git needed more than {limit >> 20} MiB of memory to take this in",
                "deploy fewer or smaller files, or raise push_memory_bytes in the settings",
            ) from error


# -- what becomes of it ------------------------------------------------------------------


def branch_of(platform: Platform, app: App, hint: str = "") -> str:
    """The branch that what comes in goes to: the one that deploys; hint: its name elsewhere."""
    wanted = policies.deploy_branches(platform, app)
    present = platform.repositories.branches(app.name)
    return next((one for one in (*wanted, hint) if one in present and one in wanted), None) or (
        hint if hint in wanted else wanted[0]
    )


def tip(platform: Platform, app: App, branch: str) -> str:
    """The commit a branch is at, NOTHING when it is not there."""
    return platform.repositories.branches(app.name).get(branch, NOTHING)


def deploy(arrival: Arrival, branch: str, commit: str) -> None:
    """Deploy a commit once it is its turn; the branch moves when that went well."""
    update = update_of(arrival, branch, commit)
    queue.deploy_in_turn(
        arrival.platform, arrival.registered, update, arrival.environment, arrival.console
    )


def store(arrival: Arrival, branch: str, commit: str) -> None:
    """Have a branch at a commit without deploying it."""
    platform, app = arrival.platform, arrival.app
    update = update_of(arrival, branch, commit)
    queue.wait_for_turn(platform, arrival.registered, update, arrival.console)
    platform.repositories.keep(app.name, arrival.environment)
    landing.make(platform, app, branch, commit)


def update_of(arrival: Arrival, branch: str, commit: str) -> Update:
    at = tip(arrival.platform, arrival.app, branch)
    return Update(at, commit_id(commit), f"refs/heads/{branch}")
