"""Unpacking: a worker's part of a restore. It sees nothing but the staging folder.

Touches: that folder, which it makes its root (chroot(2)) before it reads a member.
"""

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from paas.backup.descriptors import temporary
from paas.backup.members import Kind, Member, damaged
from paas.backup.opening import opened
from paas.backup.owners import Move
from paas.backup.report import Report
from paas.backup.sections import BY_NAME, DATABASE, LAYERS, REPOSITORIES
from paas.backup.unpack import Unpacker
from paas.failpoints import failpoint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of an archive is unpacked, and under which name. apps, layers: by name there.

    of_root: what only root may bring back too.
    """

    whole: bool
    apps: Mapping[str, str]
    layers: Mapping[str, str]
    of_root: bool = False

    def here(self, member: Member) -> Member | None:
        """The member as it shall be called here; None when it is not wanted."""
        section, _, rest = member.path.partition("/")
        unit, slash, below = rest.partition("/")
        name = self._unit(section, unit)
        if name is None:
            return None
        path = f"{section}/{name}{slash}{below}"
        target = member.target
        if member.kind is Kind.TWIN:
            target = f"{section}/{name}/{target.split('/', 2)[2]}"
        return replace(member, path=path, target=target)

    def _unit(self, section: str, unit: str) -> str | None:
        if section == DATABASE:
            return None  # the check has kept it
        if section == LAYERS:
            return self.layers.get(unit)
        if section == REPOSITORIES:
            app, dot, kind = unit.rpartition(".")
            return f"{self.apps[app]}{dot}{kind}" if app in self.apps else None
        if BY_NAME[section].of_apps and not self.whole:
            return self.apps.get(unit)
        allowed = self.of_root or not BY_NAME[section].of_root
        return unit if self.whole and allowed else None


def unpack(order: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Unpack what is wanted of an archive into order["staging"]; whoever relies on it syncs it."""
    wanted = Wanted(order["whole"], order["apps"], order["layers"], order["of_root"])
    move = Move.decode(order["move"])
    staging = Path(order["staging"])
    report.step("Unpacking")
    with temporary(staging) as sums:
        os.chroot(staging)
        os.chdir("/")
        reader = opened(order, sums)
        make_sections(reader.head.sections)
        done = 0
        with closing(Unpacker(os.open("/", os.O_RDONLY | os.O_DIRECTORY), move.owner)) as unpacker:
            for member, content in reader.members():
                failpoint("restore.unpack")
                here = wanted.here(member)
                if here is not None:
                    unpacker.put(here, content.chunks())
                done += member.data_bytes
                report.alive(done)
    if reader.checked is None:
        raise damaged("it has no end")
    return {}


def make_sections(names: tuple[str, ...]) -> None:
    for name in names:
        Path(f"/{name}").mkdir(mode=0o700)
