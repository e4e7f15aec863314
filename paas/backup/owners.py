"""Owners: ids of one instance's ranges as those of another's. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from paas.backup.members import Member, refused
from paas.backup.sections import LAYERS
from paas.settings import UIDS_PER_SLOT

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Move:
    """How a backup's ids become ours: its slots by number, and layers by the base of each.

    layers: the base there and here of each that is taken, by its id here.
    """

    base_there: int
    slots_there: int
    base_here: int
    slots_here: int
    slots: Mapping[int, int] = field(default_factory=dict)
    layers: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def slot(self, number: int) -> int:
        """A slot there as a slot here; behind the last one comes the range common to all."""
        if number == self.slots_there + 1:
            return self.slots_here + 1
        return self.slots.get(number, number)

    def base(self, base_there: int) -> int:
        """The first id of a range there, as one here; 0, root's own, stays.

        The range of an app that is gone, and for which there is no room, is the common one.
        """
        if base_there == 0:
            return 0
        slot = self.slot((base_there - self.base_there) // UIDS_PER_SLOT)
        slot = slot if 0 <= slot <= self.slots_here else self.slots_here + 1
        return self.base_here + slot * UIDS_PER_SLOT

    def owner(self, member: Member, number: int) -> int:
        """A uid or gid of a member as it shall be here."""
        if member.section == LAYERS:
            return self._in_layer(member, number)
        offset = number - self.base_there
        slot, within = divmod(offset, UIDS_PER_SLOT)
        if not 0 <= slot <= self.slots_there + 1:
            return number  # the machine's own ids, and nobody's
        here = self.slot(slot)
        within_ours = here <= self.slots_here + 1
        return self.base_here + here * UIDS_PER_SLOT + within if within_ours else NOBODY

    def _in_layer(self, member: Member, number: int) -> int:
        there, here = self.layers[member.path.split("/")[1]]
        if not 0 <= number - there < UIDS_PER_SLOT:
            raise refused(member.path, "is owned by nobody of its layer's app")
        return number - there + here

    def encode(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def decode(cls, values: Mapping[str, Any]) -> Self:
        """From JSON, whose keys are strings."""
        slots = {int(there): int(here) for there, here in values["slots"].items()}
        layers = {key: (int(there), int(here)) for key, (there, here) in values["layers"].items()}
        return cls(**{**values, "slots": slots, "layers": layers})
