"""The name services containers ask: a dnsmasq of our own, and before it our own names.

Touches: two processes, <run_dir>/{dnsmasq,names}.pid. They listen on one address only,
outlive the daemon, and are adopted by the next one.
"""

import logging
import os
import pwd
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from paas.command import Runner
from paas.errors import PaasError
from paas.network.rules import NAMES_PORT
from paas.polling import readable
from paas.settings import Settings

log = logging.getLogger(__name__)

RESOLVER = Path("/etc/resolv.conf")
NAME_SERVER = Path(__file__).with_name("name_server.py")
RESTART_WAIT_S = 2.0
STOP_S = 5.0


class Background:
    """A process that goes to the background by itself, started again when it dies.

    command: makes its command line, in which a word names the pid file that it writes.
    """

    def __init__(
        self,
        runner: Runner,
        pid_file: Path,
        command: Callable[[Path, str], tuple[str, ...]],
        hint: str,
    ) -> None:
        self.runner = runner
        self.pid_file = pid_file
        self._command = command
        self._hint = hint
        self._lock = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._stopping = threading.Event()

    def ensure(self) -> None:
        """Start it or adopt the running one, and watch it. Returns when it answers. Idempotent."""
        with self._lock:
            self._stopping.clear()
            if self.pid() is None:
                self._start()
            if self._watcher is None or not self._watcher.is_alive():
                self._watcher = threading.Thread(target=self._watch, name="dns", daemon=True)
                self._watcher.start()

    def stop(self) -> None:
        """End it and wait until it has ended. Idempotent."""
        with self._lock:
            self._stopping.set()
            pid = self.pid()
            if pid is not None and (descriptor := open_process(pid)) is not None:
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
                readable([descriptor], STOP_S)
                os.close(descriptor)
            self.pid_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop watching; it goes on."""
        self._stopping.set()

    def pid(self) -> int | None:
        """The running one's process id, None when it does not run."""
        try:
            pid = int(self.pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        ours = (str(self.pid_file).encode(), f"--pid-file={self.pid_file}".encode())
        return pid if any(word in words for word in ours) else None

    def _start(self) -> None:
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        # it goes to the background by itself once it has bound its sockets
        result = self.runner.run(self._command(self.pid_file, user()), check=False)
        if result.status != 0:
            reason = result.stderr.decode(errors="replace").strip()
            raise PaasError(
                f"the name service for containers did not start: {reason}",
                self._hint,
            )

    def _watch(self) -> None:
        while not self._stopping.is_set():
            pid = self.pid()
            descriptor = None if pid is None else open_process(pid)
            if descriptor is not None:
                readable([descriptor])
                os.close(descriptor)
            self._restart()

    def _restart(self) -> None:
        with self._lock:
            if self._stopping.is_set() or self.pid() is not None:
                return
            log.warning("%s ended; starting it again", self.pid_file.stem)
            try:
                self._start()
            except PaasError as error:
                log.warning("%s", error.message)
        self._stopping.wait(RESTART_WAIT_S)


def world_names(settings: Settings, runner: Runner) -> Background:
    """What answers for the world's names, as the host would."""
    return Background(
        runner,
        settings.run_dir / "dnsmasq.pid",
        lambda pid_file, run_as: command(settings, pid_file, run_as),
        f"see what uses port 53 on {settings.dns_address}: ss -lnpu sport = :53",
    )


def own_names(settings: Settings, runner: Runner) -> Background:
    """What answers for names of apps that share networks."""
    table = settings.run_dir / "names.json"
    return Background(
        runner,
        settings.run_dir / "names.pid",
        lambda pid_file, run_as: (
            *(sys.executable, "-I", "-S", str(NAME_SERVER), str(table)),
            *(str(settings.dns_address), str(NAMES_PORT), str(pid_file), run_as),
        ),
        f"see what uses port {NAMES_PORT} on {settings.dns_address}: ss -lnpu",
    )


def command(settings: Settings, pid_file: Path, run_as: str) -> tuple[str, ...]:
    """The command line: no configuration file, no DHCP, no hosts file, one address."""
    return (
        "dnsmasq",
        "--conf-file=/dev/null",
        f"--pid-file={pid_file}",
        f"--listen-address={settings.dns_address}",
        "--bind-interfaces",
        "--except-interface=lo",
        f"--resolv-file={RESOLVER}",
        "--no-hosts",
        "--domain-needed",
        "--bogus-priv",
        "--cache-size=1000",
        "--dns-forward-max=500",
        "--log-facility=/dev/null",
        f"--user={run_as}",
        "--group=nogroup",
    )


def user() -> str:
    """Whom dnsmasq becomes once its port is open."""
    try:
        return pwd.getpwnam("dnsmasq").pw_name
    except KeyError:
        return "nobody"


def open_process(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None when it has."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
