"""How often something is done: spans and cron expressions."""

from datetime import UTC, datetime

import pytest

from paas.errors import UsageError
from paas.model.cron import due_after, repeating


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("15m", datetime(2026, 1, 31, 12, 15, tzinfo=UTC)),
        ("6h", datetime(2026, 1, 31, 18, 0, tzinfo=UTC)),
        ("1d", datetime(2026, 2, 1, 12, 0, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 1, 31, 12, 5, tzinfo=UTC)),
    ],
)
def test_a_rule_says_when_it_is_due_next(rule, expected):
    assert due_after(repeating(rule), datetime(2026, 1, 31, 12, 0, tzinfo=UTC)) == expected


@pytest.mark.parametrize("text", ["0m", "m", "15", "15s", "-1h", "1.5h", "99999m", "* * *"])
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(UsageError):
        repeating(text)
