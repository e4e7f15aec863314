"""Ids of one instance's ranges as those of another's."""

import pytest

from paas.backup.members import Kind, Member
from paas.backup.owners import NOBODY, Move
from paas.errors import PaasError

THERE, HERE = 1_000_000_000, 2_000_000_000
SLOT = 65536
MOVE = Move(THERE, 1023, HERE, 15, {1: 1, 900: 2}, {"deps": (THERE + SLOT, HERE + 2 * SLOT),
                                                     "stack": (0, 0)})  # fmt: skip
FILE = Member("volumes/data/file")


@pytest.mark.parametrize(
    ("there", "here"),
    [
        (THERE + SLOT + 1000, HERE + SLOT + 1000),
        (THERE + 900 * SLOT, HERE + 2 * SLOT),
        (THERE + 900 * SLOT + 65535, HERE + 2 * SLOT + 65535),
        (THERE + 7 * SLOT + 5, HERE + 7 * SLOT + 5),  # of an app that is gone: the same slot
        (THERE + 500 * SLOT, NOBODY),  # and where there is no such slot
        (THERE + 1, HERE + 1),  # the platform's own
        (THERE + 1024 * SLOT + 3, HERE + 16 * SLOT + 3),  # common to all apps
        (0, 0),
        (1000, 1000),
        (THERE - 1, THERE - 1),
        (THERE + 1025 * SLOT, THERE + 1025 * SLOT),
    ],
)
def test_an_owner_stays_within_its_app(there: int, here: int):
    assert MOVE.owner(FILE, there) == here


def test_a_layers_owners_move_with_the_layer():
    inside = Member("layers/deps/files/x")
    assert MOVE.owner(inside, THERE + SLOT + 33) == HERE + 2 * SLOT + 33
    assert MOVE.owner(Member("layers/stack/files/x"), 33) == 33


@pytest.mark.parametrize("number", [0, 1000, THERE, THERE + 2 * SLOT, HERE])
def test_a_layer_has_no_owner_from_elsewhere(number: int):
    with pytest.raises(PaasError, match="owned by nobody"):
        MOVE.owner(Member("layers/deps/files/su", Kind.FILE, 0o4755), number)


def test_the_base_of_a_layer_is_its_slots():
    assert MOVE.base(0) == 0
    assert MOVE.base(THERE + 900 * SLOT) == HERE + 2 * SLOT
    assert MOVE.base(THERE + 1024 * SLOT) == HERE + 16 * SLOT
    assert MOVE.base(THERE + 500 * SLOT) == HERE + 16 * SLOT
    assert MOVE.base(17) == HERE + 16 * SLOT


def test_a_move_survives_being_told_to_a_worker():
    assert Move.decode({**MOVE.encode(), "slots": {"1": 1, "900": 2}}) == MOVE
