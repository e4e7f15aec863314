"""What a container uses, read from its control groups and its network link.

Sources: Linux's admin-guide/cgroup-v1 (memory, blkio-controller, cpuacct) and cgroup-v2.rst;
ABI/testing/sysfs-class-net-statistics.
"""

from pathlib import Path

from paas.engines.embedded.hierarchies import Hierarchies, fields, number, read
from paas.model.container import Usage

LINKS = Path("/sys/class/net")


def measure(hierarchies: Hierarchies, group: str) -> Usage:
    """What a control group uses; zeros when it is gone."""
    pids = number(read(hierarchies.of("pids", group) / "pids.current"))
    memory = hierarchies.of("memory", group)
    if hierarchies.only_unified:
        used = number(read(memory / "memory.current"))
        idle = fields(read(memory / "memory.stat")).get("inactive_file", 0)
        cpu_s = fields(read(memory / "cpu.stat")).get("usage_usec", 0) / 1e6
        disk = of_devices(read(memory / "io.stat"))
    else:
        used = number(read(memory / "memory.usage_in_bytes"))
        idle = fields(read(memory / "memory.stat")).get("total_inactive_file", 0)
        cpu_s = number(read(hierarchies.of("cpuacct", group) / "cpuacct.usage")) / 1e9
        disk = of_kinds(read(hierarchies.of("blkio", group) / SERVED))
    return Usage(max(0, used - idle), cpu_s, pids, *disk)


SERVED = "blkio.throttle.io_service_bytes_recursive"


def of_devices(text: str) -> tuple[int, int]:
    """Bytes read and written, from io.stat: `8:0 rbytes=1 wbytes=2 rios=...`."""
    words = [word.partition("=") for line in text.splitlines() for word in line.split()[1:]]
    read_, written = (
        sum(number(value) for key, _, value in words if key == wanted)
        for wanted in ("rbytes", "wbytes")
    )
    return read_, written


def of_kinds(text: str) -> tuple[int, int]:
    """The same from version 1: lines of `8:0 Read 4096`, and a total at the end."""
    lines = [line.split() for line in text.splitlines()]
    read_, written = (
        sum(number(line[2]) for line in lines if len(line) == 3 and line[1] == wanted)
        for wanted in ("Read", "Write")
    )
    return read_, written


def traffic(link: str) -> tuple[int, int]:
    """Bytes a container has received and sent; link is the host's end of its cable."""
    counted = LINKS / link / "statistics"
    return number(read(counted / "tx_bytes")), number(read(counted / "rx_bytes"))
