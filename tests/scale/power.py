"""A reboot without one: everything of an instance that lives in the kernel is gone at once.

Processes, network, mounts, control groups and the run directory (a tmpfs on a real
machine); what is on the disk stays, as it was at that moment.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from paas.engines.embedded.cgroups import Cgroups
from paas.settings import Settings
from tests.e2e.instance import Instance

PATIENCE_S = 20.0


def cut(instance: Instance) -> None:
    """Nothing of the instance runs or is known to the kernel when this returns."""
    settings = instance.settings
    if instance.process is not None and instance.process.poll() is None:
        instance.kill()
    groups = Cgroups(settings.cgroup_name)
    for _ in range(3):  # what a dying process has just started dies in the next round
        end(monitors(settings))
        end(pid for one in groups.found() for pid in groups.pids(one))
    for one in groups.found():
        groups.remove(one)
    groups.remove_parents()
    unmount_all(settings)
    cut_network(settings)
    shutil.rmtree(settings.run_dir)
    settings.run_dir.mkdir()


def monitors(settings: Settings) -> Iterator[int]:
    """conmon, runc, nginx and dnsmasq of this instance: its directories are in their words."""
    places = [os.fsencode(settings.run_dir), os.fsencode(settings.state_dir)]
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            ours = any(place in words for place in places)
            if ours and b"pytest" not in words and int(entry.name) != os.getpid():
                yield from family(int(entry.name))


def family(pid: int) -> Iterator[int]:
    """A process and its children: workers of nginx have no directory in their words."""
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from family(int(child))


def end(pids: Iterator[int]) -> None:
    """Kill processes and wait until they have ended."""
    descriptors = []
    for pid in list(pids):
        with suppress(ProcessLookupError):
            descriptors.append(os.pidfd_open(pid))
    for descriptor in descriptors:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    for descriptor in descriptors:
        while time.monotonic() < deadline and not ended(descriptor):
            time.sleep(0.002)
        os.close(descriptor)


def ended(descriptor: int) -> bool:
    try:
        signal.pidfd_send_signal(descriptor, 0)
    except ProcessLookupError:
        return True
    return False


def unmount_all(settings: Settings) -> None:
    """Every mount below the instance's directories, the innermost first."""
    places = (f"{settings.run_dir}/", f"{settings.state_dir}/")
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    mine = [point for point in reversed(points) if point.startswith(places)]
    for at in range(0, len(mine), 100):
        subprocess.run(["umount", "--lazy", *mine[at : at + 100]], check=True)


def cut_network(settings: Settings) -> None:
    """Links and rules named after the instance."""
    listing = subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout
    prefix = settings.bridge(0).removesuffix("0")
    bridges = [one["ifname"] for one in json.loads(listing) if one["ifname"].startswith(prefix)]
    links = [
        one["ifname"] for one in json.loads(listing) if one["ifname"].startswith(settings.name)
    ]
    words = "".join(f"link del {name}\n" for name in {*bridges, *links})
    # a veth may have gone with its namespace: -force goes on
    subprocess.run(["ip", "-force", "-batch", "-"], input=words.encode(), capture_output=True)
    for kind in ("inet", "bridge"):
        table = (
            f"add table {kind} {settings.table_name}\ndelete table {kind} {settings.table_name}\n"
        )
        subprocess.run(["nft", "-f", "-"], input=table.encode(), check=True)
