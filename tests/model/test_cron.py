"""Cron expressions and when they come true."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from paas.errors import UsageError
from paas.model import cron

BERLIN = ZoneInfo("Europe/Berlin")


def test_an_expression_is_kept_with_single_spaces():
    assert cron.expression("  0   3 * *  1-5 ") == "0 3 * * 1-5"


@pytest.mark.parametrize(
    "text", ["", "x", "0 3 * *", "0 0 3 * * *", "61 * * * *", "0 0 31 2 *", "@daily", "* * * * x"]
)
def test_what_never_comes_true_is_refused_with_an_example(text: str):
    with pytest.raises(UsageError) as error:
        cron.expression(text)
    assert "0 3 * * *" in error.value.hint


def test_the_next_time_is_after_the_moment_and_in_the_zone():
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    found = cron.next_after("0 3 * * *", noon, BERLIN)
    assert found.isoformat() == "2026-02-01T03:00:00+01:00"


def test_a_time_that_summer_time_skips_comes_right_after_it():
    evening = datetime(2026, 3, 28, 20, tzinfo=UTC)
    found = cron.next_after("30 2 * * *", evening, BERLIN)
    assert found.astimezone(UTC) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_the_machines_own_zone_is_known():
    found = cron.next_after("0 3 * * *", datetime(2026, 1, 31, tzinfo=UTC))
    assert found.tzinfo is not None
    assert found.hour == 3
