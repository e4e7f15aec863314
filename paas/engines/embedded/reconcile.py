"""Finding what was left behind: every trace of a container, by name, without the database.

Touches: scans cgroups, links, namespaces, directories, mounts and scratch files of the
instance; removal is the bundle's own. A daemon killed at any moment leaves nothing that
is not found here.
"""

import logging
import re
import time
from pathlib import Path

from paas.engines.embedded import processes
from paas.engines.embedded.bundle import Bundles
from paas.engines.embedded.index import Index
from paas.errors import PaasError

log = logging.getLogger(__name__)

CONTAINER_ID = re.compile(r"[a-z0-9]{10}")
IN_FLIGHT_TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.02


class Sweep:
    """One sweep over the machine."""

    def __init__(self, bundles: Bundles, index: Index) -> None:
        self._bundles = bundles
        self._index = index

    def run(self, keep: set[str] | None) -> list[str]:
        """Remove what belongs to nobody; then once more what a dying create still made.

        keep None: every container the index knows, now and as it changes meanwhile.
        """
        removed = self._pass(keep)
        if keep is not None and self._wait_for_creates(keep):
            removed |= self._pass(keep)
        return [f"container {container_id}: {what}" for container_id, what in removed.items()]

    def _pass(self, keep: set[str] | None) -> dict[str, str]:
        removed = {}
        for container_id, traces in sorted(self._found().items()):
            # asked anew each time, and in this order: what starts is in use, then known
            if container_id in self._index.in_use() or self._kept(container_id, keep):
                continue
            try:
                self._bundles.take_down(container_id)
            except (PaasError, OSError) as error:
                log.warning("container %s could not be removed: %s", container_id, error)
                continue
            self._index.drop(container_id)
            removed[container_id] = ", ".join(traces)
        return removed

    def _kept(self, container_id: str, keep: set[str] | None) -> bool:
        if keep is None:
            return self._index.entry(container_id) is not None
        return container_id in keep

    def _found(self) -> dict[str, list[str]]:
        """Container ids with what was found of each."""
        directories = self._bundles.directories
        places = {
            "cgroups": self._bundles.cgroups.found(),
            "network": self._bundles.networks.found(),
            "directory": names(directories.containers),
            "mounts": mounted_below(directories.containers),
            "runc state": names(directories.runc),
            "exit file": names(directories.exits),
            "scratch space": self._bundles.scratch.found(),
        }
        found: dict[str, list[str]] = {}
        for what, ids in places.items():
            for container_id in filter(CONTAINER_ID.fullmatch, ids):
                found.setdefault(container_id, []).append(what)
        return found

    def _wait_for_creates(self, keep: set[str]) -> bool:
        """Wait until runc and conmon of nobody's containers have ended; whether there were any."""
        deadline = time.monotonic() + IN_FLIGHT_TIMEOUT_S
        waited = False
        while self._creating(keep) and time.monotonic() < deadline:
            waited = True
            time.sleep(LOOK_EVERY_S)
        return waited

    def _creating(self, keep: set[str]) -> bool:
        known = keep | self._index.in_use()
        runc_root = str(self._bundles.directories.runc)
        return any(
            not known & set(argv)
            for argv in processes.arguments()
            if runc_root in argv or f"--root={runc_root}" in argv
        )


def names(directory: Path) -> set[str]:
    """Names in a directory."""
    try:
        return {entry.name for entry in directory.iterdir()}
    except FileNotFoundError:
        return set()


def mounted_below(directory: Path) -> set[str]:
    """Names below a directory that have something mounted in them."""
    prefix = f"{directory}/"
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return {
        point.removeprefix(prefix).split("/")[0] for point in points if point.startswith(prefix)
    }
