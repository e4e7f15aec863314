"""Guests: processes on terminals of their own in running containers, each held by a conmon.

Touches: <a container's directory>/guests/<name>/, conmon, signals. What lies there is all there
is to know, so the next daemon finds them again, and it goes with the container. A guest is there
for as long as its conmon is.
"""

import json
import os
import select
import shutil
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from paas.command import Runner
from paas.engines.base import KEPT_BYTES
from paas.engines.embedded import processes, runtime
from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.exits import KILLED
from paas.engines.embedded.files import write_private
from paas.engines.embedded.runtime import Directories, end_monitor, open_monitor
from paas.engines.embedded.wire import ConmonWire, attached
from paas.errors import PaasError
from paas.model.container import Container, ContainerSpec, ExitStatus

RECORD = "guest.json"
KILL_TIMEOUT_S = 10.0
FAILED = "the process could not be started"


class Guest:
    """Satisfies engines.base.Guest. Safe to use from several threads."""

    def __init__(
        self, container: Container, home: Path, monitor: int, pids: Callable[[], set[int]]
    ) -> None:
        """home: with the record and the pid in it. monitor: its conmon's pidfd, closed with this.

        OSError, ValueError or KeyError when something of it is not there.
        """
        weakref.finalize(self, os.close, monitor)
        self.container = container
        self.name = home.name
        self.shown = home / "terminal.log"
        self.started_at = datetime.fromisoformat(
            json.loads((home / RECORD).read_text())["started_at"]
        )
        self._home = home
        self._pid = int((home / "pid").read_text())
        self._monitor = monitor
        self._pids = pids
        self._lock = threading.Lock()
        self._status: ExitStatus | None = None

    def attach(self) -> ConmonWire:
        """Be on its wire from now on; PaasError when it has ended."""
        return attached(self._home, self.name)

    def wait(self, timeout_s: float) -> ExitStatus | None:
        """How it ended, all of it being gone then; None when it still runs after timeout_s."""
        poller = select.poll()
        poller.register(self._monitor, select.POLLIN)
        if not poller.poll(timeout_s * 1000):
            return None
        with self._lock:
            if self._status is None:
                self._status = ExitStatus(code_in(self._home))
                processes.kill_family(self._pid, self._pids)  # what it left in the background
                shutil.rmtree(self._home, ignore_errors=True)
        return self._status

    def kill(self) -> None:
        """End it and everything it started, at once. PaasError when that cannot be."""
        processes.kill_family(self._pid, self._pids)
        if self.wait(KILL_TIMEOUT_S) is None:
            spec = self.container.spec
            raise PaasError(
                f"{self.name} did not end within {KILL_TIMEOUT_S:.0f} s",
                f"if {spec.hostname} is frozen: paas ps:thaw {spec.app} {spec.hostname}",
            )


class Guests:
    """Those of one instance. Safe to use from several threads."""

    def __init__(self, runner: Runner, directories: Directories, cgroups: Cgroups) -> None:
        self._runner = runner
        self._directories = directories
        self._cgroups = cgroups
        self._lock = threading.Lock()
        self._present: list[Guest] = []

    def find(self, container: Container) -> None:
        """Take over those that another daemon left in a container; free what ended ones had."""
        places = self._directories.guests(container.id)
        for home in [*places.iterdir()] if places.is_dir() else ():
            monitor = open_monitor(home)
            try:
                if monitor is None:
                    raise FileNotFoundError
                self._present.append(self._guest(container, home, monitor))
            except (OSError, ValueError, KeyError):  # it has ended, or had not begun
                clear(home)

    def present(self) -> list[Guest]:
        """Those that have not ended, oldest first."""
        with self._lock:
            self._present = [one for one in self._present if one.wait(0) is None]
            return sorted(self._present, key=lambda one: one.started_at)

    def lodge(
        self, container: Container, name: str, process: Mapping[str, object]
    ) -> tuple[Guest, ConmonWire]:
        """Run the described process; PaasError, with nothing left behind, when that fails."""
        home = self._directories.guests(container.id) / name
        try:
            return self._lodge(container, home, process)
        except FileNotFoundError as error:  # its directory went while this began
            raise PaasError(f"{container.spec.hostname} has just ended") from error

    def _lodge(
        self, container: Container, home: Path, process: Mapping[str, object]
    ) -> tuple[Guest, ConmonWire]:
        with ExitStack() as undo:
            make(home)
            undo.callback(clear, home)
            write_private(home / "process.json", json.dumps(process))
            monitor, wire = begin(self._runner, self._directories, container.spec, home)
            undo.callback(wire.close)
            guest = self._guest(container, home, monitor)
            (home / "process.json").unlink()  # it holds the app's secrets
            with self._lock:
                self._present.append(guest)
            undo.pop_all()
        return guest, wire

    def _guest(self, container: Container, home: Path, monitor: int) -> Guest:
        return Guest(container, home, monitor, lambda: self._cgroups.pids(container.id))


def make(home: Path) -> None:
    """The directory of one that begins now."""
    home.parent.mkdir(mode=0o700, exist_ok=True)
    home.mkdir(mode=0o700)
    write_private(home / RECORD, json.dumps({"started_at": datetime.now(UTC).isoformat()}))


def begin(
    runner: Runner, directories: Directories, spec: ContainerSpec, home: Path
) -> tuple[int, ConmonWire]:
    """Have a conmon run <home>/process.json; its pidfd, for the caller to close, and its wire.

    It starts when it is told to, says when somebody can be on the wire, and runs the program
    when it is told again. Source: conmon, src/conmon.c.
    """
    with ExitStack() as ours, ExitStack() as undo:
        with ExitStack() as its:
            told, tell = pipe(its, ours)
            ready, says_ready = pipe(ours, its)
            begun, says_begun = pipe(ours, its)
            pipes = {"STARTPIPE": told, "ATTACHPIPE": says_ready, "SYNCPIPE": says_begun}
            numbers = {f"_OCI_{name}": str(end) for name, end in pipes.items()}
            # its socket's path is short enough for it where a container's own is
            places = {"TMPDIR": str(directories.container(spec.id))}
            child = runner.spawn(
                runtime.conmon_exec(directories, spec.id, home, KEPT_BYTES),
                env={**runtime.GO_ENVIRONMENT, **numbers, **places},
                cwd=home,
                pass_fds=tuple(pipes.values()),
            )
        undo.callback(child.kill)
        say(tell)
        runtime.read_line(ready, runtime.CREATE_TIMEOUT_S)
        child.wait(runtime.CREATE_TIMEOUT_S)  # the parent of the conmon that stays
        monitor = open_monitor(home)
        if monitor is None:
            raise PaasError(f"{FAILED}: conmon has ended")
        undo.callback(os.close, monitor)
        wire = attached(home, spec.hostname)
        undo.callback(wire.close)
        say(tell)
        answer = runtime.read_line(begun, runtime.CREATE_TIMEOUT_S)
        # a short one may have said by now how it ended, too
        runtime.created_pid(answer.partition(b"\n")[0], FAILED)
        undo.pop_all()
    return monitor, wire


def say(tell: int) -> None:
    """Tell conmon to go on; one that has given up says so itself."""
    with suppress(BrokenPipeError):
        os.write(tell, b"\n")


def pipe(reads: ExitStack, writes: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed with those who have them."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    reads.callback(os.close, reader)
    writes.callback(os.close, writer)
    return reader, writer


def clear(home: Path) -> None:
    """Free all that lies in a directory; whose it is ends."""
    end_monitor(home, home / "exit")
    shutil.rmtree(home, ignore_errors=True)


def code_in(home: Path) -> int:
    """What conmon says it ended with; as if killed when it says nothing."""
    try:
        return int((home / "exit").read_text())
    except (OSError, ValueError):
        return KILLED
