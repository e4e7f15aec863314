"""Freezing: all processes of a container stopped where they are, and let go on.

By version 2 of control groups where it is mounted, also beside version 1: there the killed
die though they are frozen. Sources: Linux's admin-guide/cgroup-v1/freezer-subsystem.rst and
cgroup-v2.rst, cgroup.freeze.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from paas.engines.embedded.hierarchies import Hierarchies, fields, read, write

TIMEOUT_S = 5.0
LOOK_EVERY_S = 0.001


@dataclass(frozen=True, slots=True)
class Freezer:
    """Of one group, named as in every hierarchy."""

    hierarchies: Hierarchies
    group: str

    def freeze(self) -> bool:
        """Stop every process; False when they do not within a few seconds."""
        new = self._new
        asked = write(new / "cgroup.freeze", "1") if new else write(self._old, "FROZEN")
        deadline = time.monotonic() + TIMEOUT_S
        while asked and not self.frozen:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY_S)
        return asked

    def thaw(self) -> None:
        """Let them go on. Idempotent."""
        new = self._new
        if new is not None and read(new / "cgroup.freeze").strip() == "1":
            write(new / "cgroup.freeze", "0")
        self.let_die()

    @property
    def frozen(self) -> bool:
        """Whether all of them are stopped."""
        new = self._new
        if new is not None:
            return fields(read(new / "cgroup.events")).get("frozen") == 1
        return read(self._old).strip() == "FROZEN"

    def let_die(self) -> None:
        """Have the killed end: version 1 keeps those too."""
        if read(self._old).strip() in ("FROZEN", "FREEZING"):
            write(self._old, "THAWED")

    @property
    def _new(self) -> Path | None:
        """The group's directory of version 2, if it can freeze there."""
        if self.hierarchies.unified is None:
            return None
        directory = self.hierarchies.unified / self.group
        return directory if (directory / "cgroup.freeze").exists() else None

    @property
    def _old(self) -> Path:
        return self.hierarchies.of("freezer", self.group) / "freezer.state"
