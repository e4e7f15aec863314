"""Restart policies and the time between restarts."""

import pytest

from paas.errors import UsageError
from paas.model.container import ExitStatus
from paas.model.restart import LAST_BACKOFF_S, RestartPolicy, backoff_s

DIED, ENDED = ExitStatus(1), ExitStatus(0)


def test_the_first_restart_comes_at_once_and_later_ones_ever_later():
    delays = [backoff_s(failures) for failures in range(1, 15)]
    assert delays[0] < 0.5
    assert delays == sorted(delays)
    assert delays[-1] == LAST_BACKOFF_S


def test_a_long_crash_loop_does_not_overflow():
    assert backoff_s(10_000) == LAST_BACKOFF_S


@pytest.mark.parametrize(
    ("text", "ended", "failures", "again"),
    [
        ("always", ENDED, 1, True),
        ("always", DIED, 5000, True),
        ("unless-stopped", DIED, 5000, True),
        ("no", DIED, 1, False),
        ("on-failure", DIED, 5000, True),
        ("on-failure", ENDED, 1, False),
        ("on-failure:3", DIED, 3, True),
        ("on-failure:3", DIED, 4, False),
        ("on-failure:3", None, 2, True),
    ],
)
def test_a_policy_decides_after_which_end_a_process_starts_again(
    text: str, ended: ExitStatus | None, failures: int, again: bool
):
    policy = RestartPolicy.parse(text)
    assert str(policy) == text
    assert policy.restarts(ended, failures) is again


@pytest.mark.parametrize("text", ["", "sometimes", "on-failure:0", "on-failure:", "always:3", "No"])
def test_a_policy_in_other_words_is_refused(text: str):
    with pytest.raises(UsageError, match="not a restart policy"):
        RestartPolicy.parse(text)
