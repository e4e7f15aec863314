"""Where this machine's control groups are, and reading and writing their files.

Touches: /sys/fs/cgroup. Sources: cgroups(7), Linux's admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CGROUP2_ONLY = "cgroup.controllers"


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where this machine's controllers are mounted. On a v2 machine they are all one."""

    by_controller: dict[str, Path]
    unified: Path | None

    @property
    def roots(self) -> tuple[Path, ...]:
        """Every hierarchy once; v2 first, since killing works best there."""
        found = [self.unified] if self.unified else []
        return tuple(dict.fromkeys([*found, *self.by_controller.values()]))

    @property
    def only_unified(self) -> bool:
        """Whether limits are set through v2."""
        return self.by_controller.get("memory") == self.unified

    def of(self, controller: str, group: str) -> Path:
        """A group's directory where a controller is."""
        return self.by_controller.get(controller, ROOT) / group


def detect(root: Path = ROOT) -> Hierarchies:
    """What is mounted below root: v2 alone, v1 alone, or v1 with a v2 tree beside it."""
    if (root / CGROUP2_ONLY).exists():
        return Hierarchies(dict.fromkeys(("memory", "cpu", "cpuacct", "pids", "blkio"), root), root)
    unified = root / "unified"
    found: dict[str, Path] = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and entry != unified:
            found |= dict.fromkeys(entry.name.split(","), entry.resolve())
    return Hierarchies(found, unified if (unified / CGROUP2_ONLY).exists() else None)


def read(path: Path) -> str:
    """A kernel file's text; empty when the cgroup is gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, OSError):
        return ""


def write(path: Path, text: str) -> bool:
    """Write to a kernel file that exists; False when it does not or refuses."""
    try:
        with path.open("r+") as file:
            file.write(text)
    except OSError:
        return False
    return True


def number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0


def fields(text: str) -> dict[str, int]:
    """`key value` lines as numbers."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
