"""Every operation, at every failpoint it passes, with each thing that can happen there."""

from collections.abc import Iterator

import pytest

from tests.faults import points
from tests.faults.matrix import Matrix, Played, matrix
from tests.faults.operations import OPERATIONS
from tests.faults.stage import Stage

# steps that have fault tests of their own: what is no operation on one app, or takes long
ELSEWHERE = (
    "backup",
    "restore",
    "clone",
    "image",
    "incoming",
    "merge",
    "checks",
    "cron",
    "volume",
    "collect",
)
# only passed by a push that waited: see test_pushes.py
WAITED = "landing.back"


@pytest.fixture(scope="module")
def stage_matrix(stages: list[Stage]) -> Iterator[Matrix]:
    with matrix(stages) as made:
        yield made


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, stage_matrix: Matrix) -> Played:
    """The operations of the tests that were chosen, all begun."""
    chosen = [
        item.callspec.params["operation"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and hasattr(item, "callspec")
    ]
    return stage_matrix.play(chosen)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_happens_during_an_operation_it_was_done_or_was_not(
    played: Played, operation: str
):
    outcomes = [outcome for (name, _), outcome in played.items() if name == operation]
    problems = [one for outcome in outcomes for one in outcome.result()]
    assert outcomes
    assert not problems, "\n".join(problems)


def test_every_failpoint_is_passed_by_some_operation(stage_matrix: Matrix, played: Played):
    if {name for name, _ in played} == set(OPERATIONS):
        missed = points.in_code() - stage_matrix.passed
        assert {one for one in missed if not one.startswith(ELSEWHERE)} == {WAITED}
