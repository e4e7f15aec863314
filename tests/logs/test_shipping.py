"""Shipping to receivers that are real: rsyslog, HTTP, TLS; away, back, unwilling, forbidden."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.logs.logs import Logs
from paas.logs.sinks import courier, dialing, reading, shipping, telling
from paas.logs.sinks.shipping import Shipping, Standing
from paas.model.app import App
from paas.model.sink import parse
from paas.settings import Settings
from paas.store.store import Store
from tests.conftest import free_port
from tests.logs.receivers import Collector, Rsyslog, tls_receiver, until
from tests.logs.test_logs import write


class House:
    """What of an instance shipping needs, with sinks set as commands do it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store, self.logs = Store(settings), Logs(settings)
        self.blog = self.store.apps.create("blog")
        self.shipping = Shipping(settings, self.store, self.logs, self.record)

    def set(self, app: App | None, text: str | None) -> None:
        now = datetime.now(UTC).isoformat()
        self.store.secrets.set(app, "logs", "sinks", text)
        self.store.properties.set(app, "logs", "sinks-since", now)

    def restart(self) -> None:
        self.shipping.close()
        self.shipping = Shipping(self.settings, self.store, self.logs, self.record)
        self.shipping.start()

    def record(self, app: str, actor: str, action: str, detail: str, result: str) -> None:
        self.store.events.record(app, actor, action, result, detail)

    def events(self) -> list[tuple[str, str, str]]:
        found = self.store.events.list(action="sink", actor="paas")
        return [(one.app, one.result, one.detail.partition(" ")[2]) for one in found]

    def standing(self) -> Standing:
        return next(self.shipping.standings(self.blog))

    def places(self) -> list[Path]:
        return list((self.settings.state_dir / "sinks").glob("*"))


@pytest.fixture
def house(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(shipping, "LOOK_S", 0.05)
    monkeypatch.setattr(courier, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(courier, "LONGEST_PAUSE_S", 0.2)
    made = House(settings)
    yield made
    made.shipping.close()
    made.store.close()


@pytest.fixture
def rsyslog(settings: Settings) -> Iterator[Rsyslog]:
    made = Rsyslog(settings.state_dir / "rsyslog", free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def couriers() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name == "courier"}


@pytest.mark.parametrize("scheme", ["syslog+tcp", "syslog+udp"])
def test_rsyslog_takes_lines_with_their_app_process_and_severity(
    house: House, rsyslog: Rsyslog, scheme: str
):
    house.set(None, f"{scheme}://127.0.0.1:{rsyslog.port}")
    house.shipping.start()
    house.logs.append("blog", "Deployed v1")
    until(rsyslog.texts)
    write(house.logs, "web.1", "aaaaaaaaaa", "", "ünï \x1b[31m", "x" * 9000, "last", at=99)
    until(lambda: "last" in rsyslog.texts())
    (head, text), *rest = rsyslog.received()
    assert (head[0], *head[2:]) == ("14", os.uname().nodename, "blog", "paas")
    assert text == "Deployed v1"
    assert rest[0][0][1:] == ["2026-05-04T12:01:39.000000Z", os.uname().nodename, "blog", "web.1"]
    assert rest[1][1].startswith("ünï")
    assert sum(one.count("x") for _, one in rest) == 9000


def test_a_receiver_that_goes_and_comes_back_loses_nothing(house: House, rsyslog: Rsyslog):
    house.set(None, f"syslog+tcp://127.0.0.1:{rsyslog.port}")
    house.shipping.start()
    for number in range(10):
        house.logs.append("blog", f"line {number}")
    until(lambda: len(rsyslog.texts()) == 10)
    rsyslog.stop()
    for number in range(10, 20):
        house.logs.append("blog", f"line {number}")
    until(lambda: house.standing().failing_since)
    assert "refused" in house.standing().why
    assert house.standing().lines == 10
    rsyslog.start()
    until(lambda: len(rsyslog.texts()) == 20)
    assert rsyslog.texts() == [f"line {number}" for number in range(20)]
    until(lambda: not house.standing().failing_since)


def test_the_next_daemon_goes_on_where_this_one_ended(house: House, rsyslog: Rsyslog):
    house.set(None, f"syslog+tcp://127.0.0.1:{rsyslog.port}")
    house.shipping.start()
    for number in range(0, 10, 2):
        house.logs.append("blog", f"line {number}")
        until(lambda number=number: len(rsyslog.texts()) == number + 1)
        house.shipping.close()
        house.logs.append("blog", f"line {number + 1}")
        house.restart()
        until(lambda number=number: len(rsyslog.texts()) == number + 2)
    assert rsyslog.texts() == [f"line {number}" for number in range(10)]


def test_tls_is_checked_against_who_is_trusted(settings: Settings, house: House):
    with tls_receiver(settings.state_dir) as (port, trusted, came):
        house.set(None, f"syslog+tls://localhost:{port}")
        house.shipping.start()
        house.logs.append("blog", "secret matter")
        until(lambda: house.standing().failing_since)
        assert "not trusted" in house.standing().why
        assert not came
        house.settings = replace(settings, ca_bundle=trusted)
        house.restart()
        until(lambda: b"secret matter" in came)
        assert int(came.split(b" ")[0]) == len(came.partition(b" ")[2])


def test_lines_are_posted_as_json_with_the_login(house: House, collector: Collector):
    house.set(house.blog, f"http://al:p%40ss@127.0.0.1:{collector.port}/in?key=1")
    house.store.properties.set(None, "logs", "sink-networks", "127.0.0.0/8")
    house.shipping.start()
    house.logs.append("blog", "one\ntwo")
    until(lambda: len(collector.texts()) == 2)
    headers, path, _ = collector.posted[0]
    assert path == "/in?key=1"
    assert headers["Authorization"] == "Basic YWw6cEBzcw=="
    assert headers["Content-Type"] == "application/x-ndjson"
    assert [one["source"] for one in collector.objects()] == ["paas", "paas"]
    assert collector.texts() == ["one", "two"]


@pytest.mark.parametrize("status", [301, 401, 429, 500])
def test_only_2xx_is_a_receipt_and_no_redirect_is_followed(
    house: House, collector: Collector, status: int
):
    collector.answers = lambda _: status
    house.set(None, f"http://127.0.0.1:{collector.port}/in")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(lambda: house.standing().failing_since)
    assert f"status {status}" in house.standing().why
    collector.answers = lambda _: 200
    until(lambda: collector.texts() == ["one"])


def test_an_app_whose_lines_are_unwanted_holds_up_no_other(house: House, collector: Collector):
    collector.answers = lambda body: 400 if b'"app": "blog"' in body else 200
    other = house.store.apps.create("other")
    house.set(None, f"http://127.0.0.1:{collector.port}/in")
    house.shipping.start()
    house.logs.append("blog", "poison")
    until(lambda: house.standing().failing_since)
    house.logs.append("other", "fine")
    until(lambda: collector.texts() == ["fine"])
    assert next(house.shipping.standings(other)).failing_since is None


def test_a_slow_sink_holds_up_no_other(house: House, rsyslog: Rsyslog, collector: Collector):
    held = threading.Event()
    collector.answers = lambda _: 200 if held.wait(60) else 500
    house.set(None, f"http://127.0.0.1:{collector.port}/,syslog+tcp://127.0.0.1:{rsyslog.port}")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(lambda: rsyslog.texts() == ["one"])
    assert not collector.posted
    held.set()
    until(lambda: collector.texts() == ["one"])


def test_who_has_no_sink_has_no_courier_and_no_file(house: House, collector: Collector):
    before = couriers()
    house.shipping.start()
    house.logs.append("blog", "before")
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    until(lambda: len(couriers() - before) == 1)
    until(house.places)
    house.set(None, None)
    until(lambda: not couriers() - before)
    until(lambda: not house.places())
    assert list(house.shipping.standings(house.blog)) == []


def test_places_of_a_sink_that_is_gone_when_the_daemon_starts_are_forgotten(house: House):
    left = house.settings.state_dir / "sinks" / "1.left.json"
    left.parent.mkdir()
    left.touch()
    house.shipping.start()
    until(lambda: not left.exists())


def test_thirty_apps_with_the_instances_sink_have_one_courier(house: House, collector: Collector):
    before = couriers()
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    for number in range(30):
        house.store.apps.create(f"app-{number}")
        house.logs.append(f"app-{number}", f"from {number}")
    house.shipping.start()
    until(lambda: len(collector.texts()) == 30)
    assert len(couriers() - before) == 1


def test_an_app_with_another_name_goes_on_and_one_destroyed_is_forgotten(
    house: House, collector: Collector
):
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(lambda: collector.texts() == ["one"])
    site = house.store.apps.rename(house.blog, "site")
    house.logs.rename("blog", "site")
    house.logs.append("site", "two")
    until(lambda: collector.texts() == ["one", "two"])
    assert [one["app"] for one in collector.objects()] == ["blog", "site"]
    house.store.apps.remove(site)
    until(lambda: not house.places())


def test_nothing_is_kept_of_an_app_that_goes_while_its_lines_are_on_their_way(
    house: House, collector: Collector
):
    coming, held = threading.Event(), threading.Event()
    collector.answers = lambda _: coming.set() or (200 if held.wait(60) else 500)
    house.store.apps.create("other")
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    house.logs.append("blog", "one")
    assert coming.wait(60)
    house.store.apps.remove(house.blog)
    until(lambda: len(house.places()) == 1)
    held.set()
    house.logs.append("other", "two")
    until(lambda: collector.texts() == ["one", "two"])
    assert len(house.places()) == 1


def test_a_new_app_is_shipped_from_its_first_line(house: House, collector: Collector):
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.logs.append("new", "first")
    house.store.apps.create("new")
    house.shipping.start()
    until(lambda: collector.texts() == ["first"])


def test_what_goes_missing_is_told_to_the_sink(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading, "MISSED_S", 0.1)
    tries: list[bytes] = []
    collector.answers = lambda body: tries.append(body) or 500
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    until(house.places)
    house.logs._settings = replace(house.settings, log_max_bytes=500, log_files=2)
    for number in range(100):
        house.logs.append("blog", f"line {number} {'x' * 50}")
    until(lambda: any(b"line 99" in one for one in tries))  # no older one is on its way
    collector.answers = lambda _: 200
    until(lambda: any("line 99" in one for one in collector.texts()))
    assert not any("line 50" in one for one in collector.texts())


# -- what is told of a sink --------------------------------------------------------------

REFUSED = ("failed", "takes no logs: it answered with status 500 Internal Server Error")
AGAIN = ("succeeded", "takes logs again")


def test_a_sink_that_fails_and_one_that_works_again_leave_an_event_each(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "APART_S", 0.0)
    tries = []
    collector.answers = lambda body: tries.append(body) or 500
    house.set(None, f"http://al:hunter2@127.0.0.1:{collector.port}/in?key=hunter2")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(lambda: len(tries) > 3)
    assert house.events() == [("", *REFUSED)]
    collector.answers = lambda _: 200
    until(lambda: len(house.events()) == 2)
    house.logs.append("blog", "two")
    until(lambda: collector.texts() == ["one", "two"])
    assert house.events()[1:] == [("", *AGAIN)]
    assert "hunter2" not in str(house.store.events.list())


def test_a_sink_of_an_app_that_fails_is_an_event_of_that_app(house: House, collector: Collector):
    other = house.store.apps.create("other")
    for app in (house.blog, other):
        house.set(app, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(lambda: len(house.events()) == 2)
    assert {(app, result) for app, result, _ in house.events()} == {
        ("blog", "failed"), ("other", "failed"),
    }  # fmt: skip
    assert "no public address" in house.events()[0][2]


def test_the_apps_whose_lines_are_unwanted_are_named(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "APART_S", 0.0)
    collector.answers = lambda body: 400 if b'"app": "blog"' in body else 200
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    house.logs.append("blog", "poison")
    until(house.events)
    collector.answers = lambda _: 200
    until(lambda: len(house.events()) == 2)
    why = "takes no logs of blog: it answered with status 400 Bad Request"
    assert house.events() == [("", "failed", why), ("", *AGAIN)]


def test_the_next_daemon_tells_only_what_changed(house: House, collector: Collector):
    tries = []
    collector.answers = lambda body: tries.append(body) or 500
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(house.events)
    house.shipping.close()
    tries.clear()
    house.restart()
    until(lambda: len(tries) > 3)
    assert house.events() == [("", *REFUSED)]
    collector.answers = lambda _: 200
    until(lambda: len(house.events()) == 2)
    assert house.events()[1] == ("", *AGAIN)


def test_a_sink_that_comes_and_goes_floods_nobody(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    """Told once, and how it is then when the time for another event has come."""
    monkeypatch.setattr(telling, "APART_S", 3600.0)
    said: list[bytes] = []
    collector.answers = lambda body: said.append(body) or (500 if len(said) % 2 else 200)
    house.set(None, f"http://127.0.0.1:{collector.port}/")
    house.shipping.start()
    for number in range(10):
        house.logs.append("blog", f"line {number}")
        until(lambda number=number: len(collector.texts()) == number + 1)
    assert house.events() == [("", *REFUSED)]
    collector.answers = lambda _: 200
    monkeypatch.setattr(telling, "APART_S", 0.1)
    house.logs.append("blog", "last")
    until(lambda: house.events()[1:] == [("", *AGAIN)])


class Endless:
    """Says the same for ever to whoever connects."""

    def __init__(self, words: bytes) -> None:
        self.words, self.met = words, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                one = self.listener.accept()[0]
                self.met += 1
                with one, suppress(OSError):
                    while True:
                        one.sendall(self.words)


@pytest.mark.parametrize("scheme", ["http", "syslog+tcp"])
@pytest.mark.parametrize(
    "words",
    [
        b"x" * 4096,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000,
    ],
    ids=["noise", "promises", "an answer"],
)
def test_a_sink_that_talks_without_end_is_hung_up_on(house: House, scheme: str, words: bytes):
    endless = Endless(words)
    house.set(None, f"{scheme}://127.0.0.1:{endless.port}")
    house.shipping.start()
    until(lambda: house.logs.append("blog", "one") or endless.met > 2)
    endless.listener.shutdown(socket.SHUT_RDWR)
    endless.listener.close()


# -- where lines may not go --------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "169.254.169.254", "168.63.129.16", "192.168.0.1", "0.0.0.0"),
        *("[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "127.1", "10.210.0.5"),
    ],
)
def test_an_apps_own_sink_never_leads_inward(house: House, host: str):
    house.set(house.blog, f"http://{host}:1/")
    house.shipping.start()
    house.logs.append("blog", "one")
    until(lambda: house.standing().failing_since)
    assert "no public address" in house.standing().why or "is not known" in house.standing().why
    if host != "127.1":
        with pytest.raises(PaasError, match="no public address"):
            house.shipping.check(f"http://{host}:1/")


@pytest.mark.parametrize(
    "denied", ["1.1.1.0/24", "1.1.1.1", "1.1.0.0-1.1.1.9", "1.1.1.1/24", "?", "1.1.1.9-1.1.1.0"]
)
def test_what_containers_may_not_reach_sinks_may_not_either(house: House, denied: str):
    closed = replace(house.settings, egress_denied=(denied,))
    address = dialing.ip_address("1.1.1.1")
    assert not dialing.rule_for_apps(closed, tuple).allows(address)
    assert dialing.rule_for_apps(house.settings, tuple).allows(address)


def test_the_address_that_was_judged_is_the_one_that_is_called(
    house: House, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    """A name that is public when it is looked at and inward a moment later gets nobody in."""
    asked = []

    def rebinding(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) > 1 else "192.0.2.1"
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(dialing.socket, "getaddrinfo", rebinding)
    rule = dialing.rule_for_apps(house.settings, tuple)
    monkeypatch.setattr(dialing, "CONNECT_S", 0.2)
    monkeypatch.setattr(dialing.sinks, "is_public", lambda one: str(one) == "192.0.2.1")
    with pytest.raises(OSError):
        dialing.dial(parse(f"http://rebinding.example.com:{collector.port}/"), rule)
    assert asked == ["rebinding.example.com"]
    with pytest.raises(OSError, match="no public address"):
        dialing.dial(parse(f"http://rebinding.example.com:{collector.port}/"), rule)
    assert not collector.posted


def test_an_address_of_this_machine_is_its_own_whatever_it_looks_like(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dialing.sinks, "is_public", lambda _: True)
    rule = dialing.rule_for_apps(house.settings, tuple)
    assert not rule.allows(dialing.ip_address("127.0.0.1"))
    assert dialing.is_own(dialing.ip_address("127.0.0.1"))
    assert not dialing.is_own(dialing.ip_address("93.184.216.34"))
