"""Backoff between restarts."""

from paas.deploy.supervise import LAST_BACKOFF_S, backoff
from paas.platform import SlotHealth


def test_the_first_restart_comes_at_once_and_later_ones_ever_later():
    delays = [backoff(SlotHealth(failures_in_a_row=n)) for n in range(1, 15)]
    assert delays[0] < 0.5
    assert delays == sorted(delays)
    assert delays[-1] == LAST_BACKOFF_S


def test_a_long_crash_loop_does_not_overflow():
    assert backoff(SlotHealth(failures_in_a_row=10_000)) == LAST_BACKOFF_S
