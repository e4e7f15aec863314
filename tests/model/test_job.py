"""Jobs: what they are called, and times in words."""

import pytest

from paas.errors import UsageError
from paas.model.job import Job, time_zone, times


def test_a_job_keeps_its_name_until_command_or_times_change():
    one = Job("work", "@daily")
    assert one.id == Job("work", "@daily", maintenance=True, concurrency="forbid").id
    assert len({one.id, Job("work", "@hourly").id, Job("rest", "@daily").id}) == 3
    assert one.id != Job("work", "@daily", zone="UTC").id


@pytest.mark.parametrize("text", ["@daily", " @hourly ", "*/5  * * * *"])
def test_times_are_five_fields_or_a_name(text: str):
    assert times(text) == " ".join(text.split())


@pytest.mark.parametrize("text", ["@reboot", "@daily x", "0 0 31 2 *", "* * * * * *", "a\nb"])
def test_what_never_comes_true_is_no_time(text: str):
    with pytest.raises(UsageError):
        times(text)


@pytest.mark.parametrize("text", ["Mars/Base", "../../etc/passwd", "/etc/localtime", "", "UTC\0"])
def test_a_zone_is_one_of_the_database(text: str):
    with pytest.raises(UsageError):
        time_zone(text)
    assert time_zone("Europe/Berlin") == "Europe/Berlin"
