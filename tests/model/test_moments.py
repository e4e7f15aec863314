"""How moments are shown."""

from datetime import datetime, timedelta, timezone

from paas.model import moments


def test_a_moment_is_shown_in_utc_wherever_it_is_from():
    at = datetime(2026, 2, 1, 1, 30, 5, 42, timezone(timedelta(hours=2)))
    assert moments.iso(at) == "2026-01-31T23:30:05Z"
    assert moments.exact(at) == "2026-01-31T23:30:05.000042Z"
    assert moments.second(at) == "2026-01-31 23:30:05"
    assert moments.minute(at) == "2026-01-31 23:30"
    assert moments.day(at) == "2026-01-31"
