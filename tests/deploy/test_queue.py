"""A branch that moved while a push waited for its turn."""

from types import SimpleNamespace
from typing import Any

import pytest

from paas.deploy.queue import branch_now
from paas.errors import PaasError
from paas.model.push import NOTHING, Update

# one - two - three, and another that builds on one alone
PARENTS = {"1" * 40: [], "2" * 40: ["1" * 40], "3" * 40: ["2" * 40], "4" * 40: ["1" * 40]}
ONE, TWO, THREE, OTHER = PARENTS


def platform(at: str) -> Any:
    def contains(_app: str, commit: str, ancestor: str, _environment: object) -> bool:
        return commit == ancestor or any(
            contains(_app, one, ancestor, _environment) for one in PARENTS[commit]
        )

    branches = {} if at == NOTHING else {"main": at}
    repositories = SimpleNamespace(branches=lambda _app: branches, contains=contains)
    return SimpleNamespace(repositories=repositories)


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        (ONE, TWO, ONE),  # nothing happened meanwhile
        (NOTHING, ONE, NOTHING),
        (ONE, THREE, TWO),  # it builds on what came meanwhile
        (NOTHING, TWO, ONE),
        (TWO, OTHER, THREE),  # forced: it leaves out what the pusher saw
        (ONE, TWO, TWO),  # the same commit twice
    ],
)
def test_a_push_goes_on_from_where_the_branch_is(old: str, new: str, at: str):
    assert branch_now(platform(at), "blog", Update(old, new, "refs/heads/main"), {}) == at


def test_a_push_that_would_undo_what_came_meanwhile_is_refused():
    with pytest.raises(PaasError, match="main moved to 22222222 while this push waited"):
        branch_now(platform(TWO), "blog", Update(ONE, OTHER, "refs/heads/main"), {})
