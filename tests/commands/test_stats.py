"""stats and top: what containers take, and which processes do."""

from paas.commands.stats import busiest, values
from paas.deploy.usage import Look, between
from paas.engines.base import Process
from paas.model.app import App
from paas.model.container import Container, Usage
from paas.platform import Platform
from tests.commands.conftest import Admin, boot


def container(platform: Platform, deployed: App) -> Container:
    return boot(platform, deployed, "worker.1")


def test_rates_are_what_was_used_between_two_looks(platform: Platform, deployed: App):
    one = container(platform, deployed)
    old = Look(one, Usage(1, 10.0, 3, 0, 0, 1000, 0), 100.0)
    new = Look(one, Usage(5, 10.5, 4, 2048, 0, 3000, 10), 102.0)
    found = between(old, new, frozen=False)
    assert (found.cpu_percent, found.read_bps, found.received_bps) == (25.0, 1024.0, 1000.0)
    assert values(found)["memory_bytes"] == 5
    assert values(found)["received_bytes"] == 3000


def test_counters_that_begin_anew_are_no_negative_rates(platform: Platform, deployed: App):
    one = container(platform, deployed)
    found = between(Look(one, Usage(0, 9.0), 1.0), Look(one, Usage(0, 0.0), 1.0), frozen=False)
    assert found.cpu_percent == 0.0


def test_stats_are_for_people_and_programs_of_one_app_or_all(admin: Admin, deployed: App):
    text = admin.ok("stats", "blog", "--no-stream")
    assert "NAME" in text
    assert "web.1  blog" in text
    found = admin("stats", "--no-stream", "--format", "json").json()
    assert (found["name"], found["app"], found["processes"]) == ("web.1", "blog", 3)
    assert admin.fails("stats", "nobody", "--no-stream").status == 20
    assert admin.fails("stats", "-i", "0").status == 2


def test_processes_are_listed_busiest_first_by_harmless_names(platform: Platform, deployed: App):
    one = container(platform, deployed)
    then = {("a", 1): (one, Process(1, 0, "init", "S", 1.0, 10), 5.0)}
    now = {
        ("a", 1): (one, Process(1, 0, "init", "S", 1.0, 10), 6.0),
        ("a", 7): (one, Process(7, 1000, "\x1b[2Jbu\nsy", "R", 0.5, 20), 6.0),
    }
    first, second = busiest(then, now)
    assert (first["pid"], first["name"], first["uid"]) == (7, "bu?sy", 1000)
    assert second["cpu_percent"] == 0.0


def test_top_of_what_does_not_run_says_what_does(admin: Admin, deployed: App):
    said = admin.fails("top", "blog", "worker", "--no-stream")
    assert "no running container worker" in said.err
    assert "web.1" in said.err
