"""What fifty running apps cost beside themselves."""

import re
from pathlib import Path

from paas.doctor.ports import daemon_pid
from tests.bench.measuring import Outcome
from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN

MIB = 1 << 20


def resident(pid: int) -> int:
    """Bytes of memory a process has."""
    return kilobytes(Path(f"/proc/{pid}/status").read_text(), "VmRSS") * 1024


def proportional(pid: int) -> int:
    """Bytes of memory, shared pages counted in part."""
    return kilobytes(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss") * 1024


def kilobytes(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0


def watchers(instance: Instance) -> list[int]:
    """What runs for each container beside the app: its conmon, and the init inside."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        ours = any(str(instance.settings.run_dir).encode() in word for word in command)
        if command[0].endswith(b"conmon") and ours:
            pid = int(process.name)
            children = (process / "task" / str(pid) / "children").read_text().split()
            found += [pid, *map(int, children)]
    return found


def fifty_apps(instance: Instance, apps: int) -> Outcome:
    """The daemon's memory and each container's share, with many apps running."""
    for number in range(apps):
        instance.repository(f"app-{number}").deploy(PLAIN)
    pid = daemon_pid(instance.settings)
    assert pid is not None
    daemon = resident(pid)
    running = watchers(instance)
    containers = len(running) // 2
    each = sum(map(proportional, running)) / max(containers, 1)
    return Outcome(
        f"memory with {containers} containers running",
        "daemon <= 100 MB RSS, <= 3 MB a container",
        f"{daemon / 1e6:.0f} MB, {each / 1e6:.1f} MB each",
        f"{daemon / 100e6:.2f}, {each / 3e6:.2f}",
        daemon <= 100e6 and each <= 3e6,
        {"daemon_bytes": [float(daemon)], "container_bytes": [each]},
    )
