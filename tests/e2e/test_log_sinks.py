"""Sinks on a real platform: a receiver that goes and comes, a daemon that is killed."""

import re
from collections.abc import Iterator

import pytest

from tests.conftest import free_port
from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN, WITH_WORKER
from tests.logs.receivers import Collector, Rsyslog, until

APP = "shipped"


@pytest.fixture
def rsyslog(platform: Instance) -> Iterator[Rsyslog]:
    made = Rsyslog(platform.root / "rsyslog", free_port())
    made.start()
    platform.ok("logs:set", "--global", "sinks", f"syslog+tcp://127.0.0.1:{made.port}")
    yield made
    platform.ok("logs:set", "--global", "sinks")
    made.stop()


def ticks(rsyslog: Rsyslog) -> list[int]:
    """Numbers that the worker counted, as they were received."""
    every = [(head, text) for head, text in rsyslog.received() if head[3:] == [APP, "worker.1"]]
    return [int(found[1]) for _, text in every if (found := re.fullmatch(r"tick (\d+)", text))]


def test_every_line_arrives_once_and_in_order_whoever_goes_away(
    platform: Instance, rsyslog: Rsyslog
):
    platform.repository(APP).deploy(WITH_WORKER)
    platform.ok("ps:scale", APP, "worker=1")
    until(lambda: len(ticks(rsyslog)) > 5)
    platform.get(APP, "/page")
    until(lambda: "request /page" in rsyslog.texts())
    first = ticks(rsyslog)[0]

    rsyslog.stop()
    until(lambda: "failing since" in platform.ok("logs:report", APP))
    behind = ticks(rsyslog)[-1]
    until(lambda: f"tick {behind + 10}\n" in platform.ok("logs", APP, "-q", "-p", "worker"))
    rsyslog.start()
    until(lambda: ticks(rsyslog)[-1] > behind + 10)
    until(lambda: " ok, " in platform.ok("logs:report", APP, "--sink-1"))
    begun = platform.ok("events", "--action", "sink", "--result", "failed")
    assert f"127.0.0.1:{rsyslog.port} takes no logs: " in begun

    platform.kill()
    before = ticks(rsyslog)[-1]
    platform.start()
    until(lambda: ticks(rsyslog)[-1] > before + 10)

    found = ticks(rsyslog)
    assert sorted(set(found)) == list(range(first, found[-1] + 1))
    assert len(found) - len(set(found)) <= 10  # what was under way when the daemon was killed
    platform.ok("apps:destroy", "--force", APP)


def test_an_app_that_is_renamed_is_shipped_under_its_new_name(platform: Instance, rsyslog: Rsyslog):
    platform.repository("moved").deploy(PLAIN)
    until(lambda: "moved" in {head[3] for head, _ in rsyslog.received()})
    platform.ok("apps:rename", "moved", "elsewhere")
    platform.get("elsewhere", "/renamed")
    until(lambda: "request /renamed" in rsyslog.texts())
    assert ("elsewhere", "web.1") in {
        (head[3], head[4]) for head, text in rsyslog.received() if text == "request /renamed"
    }
    assert rsyslog.texts().count("request /renamed") == 1
    assert not [text for text in rsyslog.texts() if "rotated away" in text]
    platform.ok("apps:destroy", "--force", "elsewhere")


def test_an_apps_own_sink_reaches_nothing_inward(platform: Instance):
    collector = Collector()
    platform.repository("prying").deploy(PLAIN)
    address = f"127.0.0.1:{collector.port}"
    refused = platform.paas("logs:set", "prying", "sinks", f"http://a:hunter2@{address}/")
    assert refused.returncode == 1
    assert b"no public address" in refused.stderr
    assert b"hunter2" not in refused.stderr
    # a name says nothing of where it leads to
    name = "localhost.localdomain"
    platform.ok("logs:set", "prying", "sinks", f"http://a:hunter2@{name}:{collector.port}/")
    platform.get("prying", "/said")
    until(lambda: "failing since" in platform.ok("logs:report", "prying"))
    assert not collector.posted
    platform.ok("logs:set", "--global", "sink-networks", "127.0.0.0/8,::1/128")
    platform.ok("logs:set", "prying", "sinks", f"http://a:hunter2@{address}/")
    platform.get("prying", "/opened")
    until(lambda: "request /opened" in collector.texts())
    platform.ok("apps:clone", "prying", "pried")
    platform.get("pried", "/cloned")
    until(lambda: "pried" in {one["app"] for one in collector.objects()})
    platform.ok("logs:set", "--global", "sink-networks")
    told = platform.daemon_log() + platform.ok("events") + platform.ok("logs:report", "prying")
    assert "hunter2" not in told
    for name in ("prying", "pried"):
        platform.ok("apps:destroy", "--force", name)
    until(lambda: not list((platform.settings.state_dir / "sinks").glob("*")))
    collector.close()
