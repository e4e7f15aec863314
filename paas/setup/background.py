"""Starts and stops the daemon: a systemd unit where systemd runs, else our own respawner.

Touches: /etc/systemd/system/paas.service, systemctl, <run_dir>/respawn.pid.
"""

import hashlib
import os
import signal
import string
import time
from contextlib import suppress
from pathlib import Path

from paas.command import Runner
from paas.doctor.ports import daemon_pid
from paas.errors import PaasError
from paas.polling import readable
from paas.setup.environment import CHECKOUT, LOCK, PYTHON, SYSTEM_PYTHON
from paas.setup.instance import Instance

UNIT = Path("/etc/systemd/system/paas.service")
TEMPLATE = Path(__file__).with_name("paas.service")
RESPAWNER = Path(__file__).with_name("respawn.py")
START_TIMEOUT_S = 60.0
# a first SIGTERM lets deploys finish, a second one does not
STOP_SIGNALS = ((signal.SIGTERM, 20.0), (signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))


def by_systemd(instance: Instance) -> bool:
    """Only the machine's own instance becomes a unit, and only where systemd is in charge."""
    return instance.is_default and Path("/run/systemd/system").is_dir()


def ensure(instance: Instance, runner: Runner) -> str:
    """Have the daemon running from this checkout and these settings; says what was done."""
    wanted = fingerprint(instance)
    marker = instance.settings.run_dir / "started-from"
    running = daemon_pid(instance.settings)
    if running and marker.exists() and marker.read_text() == wanted:
        return f"already running (process {running})"
    stop(instance, runner)
    instance.settings.run_dir.mkdir(parents=True, exist_ok=True)
    start(instance, runner)
    pid = wait_until_up(instance)
    marker.write_text(wanted)
    return f"{'restarted' if running else 'started'} (process {pid})"


def fingerprint(instance: Instance) -> str:
    """Changes whenever the program, its packages or its settings do."""
    files = [*sorted((CHECKOUT / "paas").rglob("*.py")), CHECKOUT / LOCK, instance.settings_file]
    seen = hashlib.sha256()
    for path in (path for path in files if path.exists()):
        seen.update(str(path).encode() + hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()


def start(instance: Instance, runner: Runner) -> None:
    """Start it, supervised."""
    if by_systemd(instance):
        UNIT.write_text(unit_text(instance))
        runner.run(("systemctl", "daemon-reload"))
        runner.run(("systemctl", "enable", "--now", "paas"))
        return
    argv = (
        SYSTEM_PYTHON, "-I", str(RESPAWNER), str(pid_file(instance)), str(log_file(instance)),
        str(PYTHON), "-m", "paas",
    )  # fmt: skip
    detached = runner.spawn(argv, env={**instance.variables, "HOME": "/root"}, cwd=CHECKOUT)
    detached.wait()


def unit_text(instance: Instance) -> str:
    """The systemd unit of this checkout."""
    return string.Template(TEMPLATE.read_text()).substitute(
        checkout=CHECKOUT, python=PYTHON, settings=instance.settings_file
    )


def wait_until_up(instance: Instance) -> int:
    """The daemon's process id once it answers; PaasError with its last words if it never does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if pid := daemon_pid(instance.settings):
            return pid
        time.sleep(0.05)
    raise PaasError(
        f"paasd did not answer within {START_TIMEOUT_S:.0f} s; "
        f"its last words: {last_words(instance)}",
        f"see all of them with {where_it_speaks(instance)}, and run this again",
    )


def last_words(instance: Instance) -> str:
    """The last line the daemon said itself; "none" when it said nothing we can read."""
    try:
        lines = log_file(instance).read_text(errors="replace").splitlines()
    except OSError:
        return "none"
    said = [line for line in lines if line and not line.startswith("respawn: ")]
    return said[-1] if said else "none"


def where_it_speaks(instance: Instance) -> str:
    """The command that shows the daemon's log."""
    return "journalctl --unit paas" if by_systemd(instance) else f"tail {log_file(instance)}"


def stop(instance: Instance, runner: Runner) -> bool:
    """End the daemon and its supervisor; containers are not its children and go on."""
    if by_systemd(instance) and UNIT.exists():
        runner.run(("systemctl", "disable", "--now", "paas"), check=False, timeout_s=90)
    ended = end_process(respawner_pid(instance))
    return end_process(daemon_pid(instance.settings)) or ended


def remove_unit(runner: Runner) -> None:
    """Forget the systemd unit."""
    if UNIT.exists():
        UNIT.unlink()
        runner.run(("systemctl", "daemon-reload"), check=False)


def respawner_pid(instance: Instance) -> int | None:
    """The respawner of this instance, when the process in the file really is one."""
    try:
        pid = int(pid_file(instance).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(pid_file(instance)).encode() in command else None


def end_process(pid: int | None) -> bool:
    """STOP_SIGNALS until it ends; returns whether there was such a process."""
    if pid is None:
        return False
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    for number, patience_s in STOP_SIGNALS:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watched, number)
        if readable([watched], patience_s):
            break
    os.close(watched)
    return True


def pid_file(instance: Instance) -> Path:
    """Where the respawner writes its process id."""
    return instance.settings.run_dir / "respawn.pid"


def log_file(instance: Instance) -> Path:
    """What the daemon says when no systemd keeps its journal."""
    return instance.settings.state_dir / "paasd.log"
