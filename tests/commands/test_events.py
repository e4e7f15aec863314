"""events: what every change leaves."""

import threading

import pytest

from paas.model.app import App
from paas.model.event import ACTIONS
from paas.platform import Platform
from tests.commands.conftest import ROOT, Admin


def recorded(platform: Platform) -> list[tuple[str, str, str, str, str]]:
    return [
        (one.actor, one.app, one.action, one.result, one.detail)
        for one in platform.store.events.list()
    ]


def test_every_change_is_recorded_with_who_made_it(admin: Admin, platform: Platform, blog: App):
    admin.ok("config:set", "blog", "TOKEN=hidden-value", "MODE=x", caller=ROOT)
    admin.ok("domains:add", "blog", "shop.example.com")
    admin.ok("resource:limit", "blog", "--memory", "64m")
    admin.ok("checks:skip", "blog", "worker")
    admin.ok("git:set", "blog", "queue", "wait")
    admin.ok("apps:lock", "blog")
    admin.ok("apps:destroy", "blog", "--force")
    assert recorded(platform) == [
        ("alice", "blog", "app", "succeeded", "Create"),
        ("root", "blog", "config", "succeeded", "Set TOKEN, MODE"),
        ("alice", "blog", "domains", "succeeded", "Added shop.example.com"),
        ("alice", "blog", "resource", "succeeded", "every type: memory 64m"),
        ("alice", "blog", "checks", "succeeded", "Skipped for worker"),
        ("alice", "blog", "setting", "succeeded", "git: Set queue to wait"),
        ("alice", "blog", "app", "succeeded", "Lock"),
        ("alice", "blog", "app", "succeeded", "Destroy"),
    ]
    assert "hidden-value" not in admin.ok("events")


def test_a_change_that_fails_is_recorded_with_its_cause(
    admin: Admin, platform: Platform, blog: App
):
    admin.fails("ps:restart", "blog")
    last = recorded(platform)[-1]
    assert last == (
        "alice", "blog", "ps", "failed", "Restart: blog has not been deployed yet",
    )  # fmt: skip


def test_events_are_shown_for_people_and_for_programs(admin: Admin, blog: App):
    admin.ok("apps:create", "shop")
    assert admin.ok("events", "-n", "1").endswith("Z shop app succeeded by alice: Create\n")
    event = admin("events", "--app", "blog", "--format", "json").json()
    assert (event["app"], event["actor"], event["action"]) == ("blog", "alice", "app")
    assert admin.fails("events", "--app", "nobody").status == 20


def test_nothing_is_recorded_while_events_are_off(admin: Admin, platform: Platform, blog: App):
    admin.ok("events:off")
    admin.ok("apps:lock", "blog")
    assert not admin("events:list", "--format", "json").json()["on"]
    admin.ok("events:on")
    details = [detail for *_, detail in recorded(platform)]
    assert details[-2:] == ["Events are recorded no more", "Events are recorded again"]
    assert "Lock" not in details


def test_the_list_names_every_action(admin: Admin, blog: App):
    assert set(admin("events:list", "--format", "json").json()["kept"]) == set(ACTIONS)
    assert "app         1" in admin.ok("events:list")


def test_a_follower_sees_an_event_as_it_comes(platform: Platform):
    found: list[int] = []

    def follow() -> None:
        platform.store.events.wait(0, 5)
        found.append(len(platform.store.events.list()))

    thread = threading.Thread(target=follow)
    thread.start()
    platform.record("blog", "alice", "app", "Create")
    thread.join(5)
    assert found == [1]


@pytest.mark.parametrize("detail", ["\x1b[31mred", "a\nb"])
def test_what_a_name_brings_along_does_not_drive_the_terminal(
    admin: Admin, platform: Platform, detail: str
):
    platform.record("blog", "alice", "app", detail)
    assert "\x1b" not in admin.ok("events")
