"""When a job is due, whatever was done to the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from paas.cron.due import Due, due, set_back
from paas.model.job import Job

NIGHTLY = Job("work", "0 3 * * *")
THREE = datetime(2026, 5, 4, 3, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_nothing_is_due_before_its_time():
    assert due(NIGHTLY, THREE - timedelta(hours=1), THREE - timedelta(seconds=1), UTC) is None


def test_a_job_is_due_at_its_minute_and_not_again_in_it():
    found = due(NIGHTLY, THREE - timedelta(hours=1), THREE + timedelta(seconds=2), UTC)
    assert found == Due(THREE, missed=False)
    assert due(NIGHTLY, THREE + timedelta(seconds=2), THREE + timedelta(seconds=40), UTC) is None


def test_what_was_missed_for_a_month_counts_once():
    found = due(NIGHTLY, THREE - timedelta(days=30, hours=1), THREE - timedelta(hours=5), UTC)
    assert found is not None
    assert found.missed


def test_what_comes_true_now_was_not_missed_whatever_was_before_it():
    found = due(NIGHTLY, THREE - timedelta(days=9), THREE + timedelta(seconds=30), UTC)
    assert found == Due(THREE, missed=False)


def test_a_clock_set_back_a_little_runs_nothing_twice():
    ran = THREE + timedelta(seconds=5)
    earlier = THREE - timedelta(minutes=30)
    assert not set_back(ran, earlier)
    for minutes in range(60):
        assert due(NIGHTLY, ran, earlier + timedelta(minutes=minutes), UTC) is None


def test_a_clock_set_back_by_a_day_counts_anew():
    assert set_back(THREE, THREE - timedelta(days=1))


def test_summer_time_neither_loses_nor_doubles_a_run():
    berlin, job = ZoneInfo("Europe/Berlin"), Job("work", "30 2 * * *")
    for day in ("2026-03-29", "2026-10-25"):
        before, found = at(f"{day}T00:00:00+00:00") - timedelta(hours=4), []
        for minute in range(12 * 60):
            now = before + timedelta(minutes=minute)
            if come := due(job, found[-1] if found else before, now, berlin):
                assert not come.missed
                found.append(now)
        assert len(found) == 1, day


def test_a_jobs_own_zone_goes_before_the_apps():
    job = Job("work", "0 3 * * *", zone="Asia/Tokyo")
    assert job.next_after(THREE, ZoneInfo("Europe/Berlin")).astimezone(UTC).hour == 18
