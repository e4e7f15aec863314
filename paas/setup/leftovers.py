"""Finds everything of an instance that is still on the machine, by name, without its database.

Touches: /proc, /sys and nft, reading only.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from paas.command import Runner
from paas.errors import PaasError
from paas.settings import Settings

CGROUP_ROOT = Path("/sys/fs/cgroup")
BLOCK_DEVICES = Path("/sys/block")


def find(settings: Settings, runner: Runner) -> list[str]:
    """What is left, in words; empty when the machine is clean."""
    return [
        *(f"process {pid}: {command}" for pid, command in processes(settings)),
        *(f"mount {target}" for target in mounts(settings)),
        *(f"loop device {device}" for device in loops(settings)),
        *(f"network link {link}" for link in links(settings)),
        *(f"control group {path}" for path in cgroups(settings)),
        *(f"nftables table {settings.table_name}" for _ in tables(settings, runner)),
        *(f"directory {path}" for path in (settings.state_dir, settings.run_dir) if path.exists()),
    ]


def processes(settings: Settings) -> Iterator[tuple[int, str]]:
    """Processes whose command line names one of the instance's directories."""
    places = tuple(f"{path}/" for path in (settings.state_dir, settings.run_dir))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if any(place in command for place in places) and not is_relative(int(process.name)):
            yield int(process.name), command.strip()[:120]


def is_relative(pid: int) -> bool:
    """Whether the process is this one or started it: a shell that names the directories."""
    current = os.getpid()
    while current > 1:
        if current == pid:
            return True
        stat = Path(f"/proc/{current}/stat").read_text()
        current = int(stat.rpartition(")")[2].split()[1])
    return False


def mounts(settings: Settings) -> Iterator[str]:
    """Mount points below the instance's directories, the innermost first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for target in reversed([line.split()[4] for line in lines]):
        if below(settings, target):
            yield target


def below(settings: Settings, path: str) -> bool:
    """Whether the path is in the state or the run directory."""
    return any(Path(path).is_relative_to(top) for top in (settings.state_dir, settings.run_dir))


def loops(settings: Settings) -> Iterator[str]:
    """Loop devices on files of the instance."""
    for backing in BLOCK_DEVICES.glob("loop*/loop/backing_file"):
        try:
            file = backing.read_text().strip()
        except OSError:
            continue  # let go of meanwhile
        if below(settings, file):
            yield f"/dev/{backing.parts[-3]}"


def links(settings: Settings) -> list[str]:
    """Bridges and container links that bear the instance's name."""
    bridge = re.escape(settings.bridge(0)[:-1])
    pattern = re.compile(rf"(?:{bridge}\d+|{re.escape(settings.name)}[a-z2-7]{{10}})")
    return sorted(e.name for e in Path("/sys/class/net").iterdir() if pattern.fullmatch(e.name))


def cgroups(settings: Settings) -> list[Path]:
    """The instance's cgroup in every hierarchy it exists in."""
    name = settings.cgroup_name
    return sorted(
        path for path in (CGROUP_ROOT / name, *CGROUP_ROOT.glob(f"*/{name}")) if path.is_dir()
    )


def tables(settings: Settings, runner: Runner) -> list[str]:
    """The nftables tables of the instance; none when nft is not installed."""
    try:
        listed = runner.run(("nft", "list", "tables"), check=False).text
    except PaasError:
        return []
    return [line for line in listed.splitlines() if line.split()[-1:] == [settings.table_name]]
