"""paasd's life: one instance, its doors, and an orderly end that leaves containers running.

Touches: the instance's lock file, signals, systemd's notification socket (sd_notify(3)).
"""

import fcntl
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, cast

from paas import failpoints
from paas import settings as settings_module
from paas.backup import finishing
from paas.backup.keeper import Keeper
from paas.command import Runner
from paas.console import Console
from paas.cron.scheduler import Scheduler
from paas.deploy.expiry import Expiry
from paas.deploy.pulling import Puller
from paas.deploy.renewals import Renewals
from paas.deploy.supervise import Supervisor
from paas.doors import journal, memory
from paas.doors.dispatch import Dispatch, Sessions, say
from paas.doors.local import LocalDoor
from paas.doors.webhooks import WebhookDoor
from paas.engines.embedded import cells
from paas.engines.embedded.cgroups import Cgroups
from paas.errors import PaasError
from paas.git import hooks
from paas.model.caller import Caller
from paas.platform import Platform
from paas.settings import Settings
from paas.store.copies import Copies, refuse_damaged
from paas.store.store import database_file, migrate_apart
from paas.upkeep.housekeeper import Housekeeper

if TYPE_CHECKING:
    from paas.doors.ssh.door import SshDoor

log = logging.getLogger(__name__)

# at the end: how long deploys may go on, and how long everybody may take to end once told
FINISH_S = 45.0
CANCEL_S = 15.0


def main() -> int:
    """Run the daemon until it is told to stop; returns its exit code."""
    journal.start(settings_module.environment("PAAS_LOG_LEVEL", "info"))
    try:
        failpoints.allow(settings_module.environment("PAAS_FAILPOINTS"))
        with instance(settings_module.load()) as (platform, settings):
            serve(platform, settings)
    except PaasError as error:
        log.error("%s", error.message, extra={"hint": error.hint} if error.hint else {})  # noqa: TRY400
        return error.exit_code
    return 0


def halt() -> int:
    """End the instance's containers, proxy and network, its daemon being stopped; exit code.

    State stays: the next start brings every app back.
    """
    from paas.deploy.halt import halt as halt_platform  # noqa: PLC0415 - not in a daemon's start

    console = Console(0, 1, 2)
    try:
        with instance(settings_module.load()) as (platform, _):
            for words in halt_platform(platform):
                console.line(f"ended {words}")
    except PaasError as error:
        return say(console, error)
    return 0


def restore_database() -> int:
    """Put the last good copy of the database in its place, its daemon being stopped; exit code."""
    console = Console(0, 1, 2)
    try:
        settings = settings_module.load()
        make_directories(settings)
        if (database := database_file(settings)) is None:
            raise PaasError("the database is a server's", "restore it there")
        with only_one(settings):
            kept, made = Copies(database).put_back()
    except PaasError as error:
        return say(console, error)
    console.line(f"the database is as it was on {made:%Y-%m-%d at %H:%M:%S} UTC")
    console.line(f"the damaged one is kept as {kept}; what was pushed since can be pushed again")
    return 0


@contextmanager
def instance(settings: Settings) -> Iterator[tuple[Platform, Settings]]:
    """The platform of the only daemon of this instance, with its directories in place."""
    make_directories(settings)
    with only_one(settings):
        raise_descriptor_limit()
        memory.share_one_heap()
        if (database := database_file(settings)) is not None:
            refuse_damaged(database)
        migrate_apart(settings)
        yield Platform.open(settings, Runner()), settings


def serve(platform: Platform, settings: Settings) -> None:
    """Open the doors, wait for a signal, close them and let those inside finish."""
    stop = Stop()
    sessions = Sessions()
    with stop.listening(), ExitStack() as open_doors:
        hooks.install(settings)
        cells.sweep(Cgroups(settings.cgroup_name))
        supervisor = Supervisor(platform)
        open_doors.callback(supervisor.stop)
        supervisor.prepare()
        platform.start()
        open_doors.callback(platform.close)
        finishing.resume(platform)
        scheduler = Scheduler(platform)
        open_doors.callback(scheduler.stop)
        scheduler.hear()
        supervisor.start()
        scheduler.start()
        open_doors.callback(platform.shipping.close)
        platform.shipping.start()
        expiry = Expiry(platform)
        open_doors.callback(expiry.stop)
        expiry.start()
        keeper = Keeper(platform)
        open_doors.callback(keeper.stop)
        keeper.start()
        housekeeper = Housekeeper(platform)
        open_doors.callback(housekeeper.stop)
        housekeeper.start()
        renewals = Renewals(platform)
        open_doors.callback(renewals.stop)
        renewals.start()
        puller = Puller(platform)
        open_doors.callback(puller.stop)
        puller.start()
        webhooks = WebhookDoor(platform, puller.ask)
        doors = (local_door(platform, sessions), ssh_door(platform, sessions), webhooks)
        for door in doors:
            door.open()
            open_doors.callback(door.close)
        memory.settle()
        notify("READY=1")
        log.info("ready", extra={"socket": settings.socket, "ssh_port": settings.ssh_port})
        stop.wait()
        notify("STOPPING=1")
    finish(sessions, stop)
    log.info("stopped; containers go on")


def local_door(platform: Platform, sessions: Sessions) -> LocalDoor:
    return LocalDoor(platform.settings, dispatcher(platform), sessions, platform.plugins.caller)


def ssh_door(platform: Platform, sessions: Sessions) -> "SshDoor":
    """The SSH door over this platform; paramiko is imported here, once the rest has started."""
    leave_out("invoke")  # paramiko's, for clients' configuration files: 3 MB
    from paas.deploy import telling  # noqa: PLC0415
    from paas.deploy.receive import prepare_push  # noqa: PLC0415
    from paas.doors.ssh.door import SshDoor  # noqa: PLC0415
    from paas.doors.ssh.receive import GitServer  # noqa: PLC0415
    from paas.doors.ssh.server import Services  # noqa: PLC0415
    from paas.doors.ssh.throttle import Throttle  # noqa: PLC0415

    settings, cgroups = platform.settings, Cgroups(platform.settings.cgroup_name)
    prepare = partial(prepare_push, platform)
    git = GitServer(
        settings,
        platform.runner,
        platform.repositories,
        prepare,
        cgroups,
        partial(telling.git_asked, platform),
        partial(telling.git_done, platform),
    )
    services = Services(dispatcher(platform), git, platform.store.keys.find, Throttle(), sessions)
    return SshDoor(settings, services)


def dispatcher(platform: Platform) -> Dispatch:
    """The command table with this platform's parts."""
    from paas.commands import table, trace  # noqa: PLC0415 - the whole tree of commands

    trace.apply(platform)

    def dispatch(caller: Caller, argv: Sequence[str], console: Console) -> int:
        return table.dispatch(platform, caller, list(argv), console)

    return dispatch


# -- the start ------------------------------------------------------------------------


def make_directories(settings: Settings) -> None:
    """State and run directories; others may pass through them, not look around."""
    if os.geteuid() != 0:
        raise PaasError("paasd runs as root: it makes containers", "sudo bin/paasd")
    for directory in (settings.state_dir, settings.run_dir):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o711)


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the instance's lock (flock(2): gone with the process); PaasError when taken."""
    with (settings.run_dir / "paasd.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise PaasError(
                f"paasd of {settings.run_dir} runs already (pid {pid})",
                "stop it first, or give this one other directories (PAAS_RUN_DIR, PAAS_STATE_DIR)",
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def raise_descriptor_limit() -> None:
    """Every connection costs a few descriptors: take what we are allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def leave_out(package: str) -> None:
    """Have a package that another imports only if it can (ImportError is caught) not imported."""
    sys.modules.setdefault(package, cast("ModuleType", None))


def notify(state: str) -> None:
    """Tell systemd, when it started us (sd_notify(3): a datagram to NOTIFY_SOCKET)."""
    address = settings_module.environment("NOTIFY_SOCKET")
    if address:
        if address.startswith("@"):
            address = "\0" + address[1:]
        # told, not asked: nobody listening is no reason to end
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one, suppress(OSError):
            one.connect(address)
            one.send(state.encode())


# -- the end ---------------------------------------------------------------------------


class Stop:
    """SIGTERM and SIGINT: the first asks for an orderly end, a second for a quick one."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.hurry = threading.Event()
        self._bell, self._rope = os.pipe()  # for good: a signal may still come at the very end

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for good: the end is ours as well."""
        os.set_blocking(self._rope, False)
        signal.set_wakeup_fd(self._rope, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        yield

    def _ask(self, _number: int, _frame: object) -> None:
        (self.hurry if self._asked.is_set() else self._asked).set()

    def wait(self) -> None:
        """Until the first signal, also when the kernel has another thread take it.

        A thread that waits for a lock would then sleep on.
        """
        while not self._asked.is_set():
            os.read(self._bell, 1)


def finish(sessions: Sessions, stop: Stop) -> None:
    """Deploys may finish for a while; whoever only listens or types is told to leave now."""
    sessions.cancel(deploying=False)
    for _ in range(int(FINISH_S)):
        if stop.hurry.is_set() or sessions.wait(1.0):
            break
    sessions.cancel(deploying=True)
    if not sessions.wait(CANCEL_S):
        log.warning("%d callers did not end in time", len(sessions))
