"""events: what every change leaves."""

import json
import shlex
import threading

import pytest

from paas.model.app import App
from paas.model.event import ACTIONS
from paas.platform import Platform
from tests.commands.audit import audited
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
    assert admin("events", "blog", "--format", "json").json() == event
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
    assert "app             1" in admin.ok("events:list")


def test_a_follower_sees_an_event_as_it_comes(platform: Platform):
    found: list[int] = []

    def follow() -> None:
        platform.store.events.wait(0, 60)
        found.append(len(platform.store.events.list()))

    thread = threading.Thread(target=follow)
    thread.start()
    platform.record("blog", "alice", "app", "Create")
    thread.join(60)
    assert found == [1]


@pytest.mark.parametrize("detail", ["\x1b[31mred", "a\nb"])
def test_what_a_name_brings_along_does_not_drive_the_terminal(
    admin: Admin, platform: Platform, detail: str
):
    platform.record("blog", "alice", "app", detail)
    assert "\x1b" not in admin.ok("events")


def details(said: str) -> list[str]:
    return [line.partition(": ")[2] for line in said.splitlines()]


def test_events_are_chosen_by_action_actor_result_and_id(admin: Admin, blog: App):
    admin.ok("apps:lock", "blog", caller=ROOT)
    admin.ok("domains:add", "blog", "a.example.com")
    admin.fails("ps:restart", "blog")
    first = json.loads(admin.ok("events", "--format", "json").splitlines()[0])
    assert details(admin.ok("events", "--action", "domains")) == ["Added a.example.com"]
    assert details(admin.ok("events", "--actor", "root")) == ["Lock"]
    assert "Restart" in admin.ok("events", "--result", "failed")
    assert len(admin.ok("events", "--after", str(first["id"])).splitlines()) == 3
    assert details(admin.ok("events", "--action", "app", "--actor", "alice")) == ["Create"]
    assert "nonsense" in admin.fails("events", "--action", "nonsense").err


def test_an_event_keeps_its_id_and_no_other_ever_gets_it(admin: Admin, platform: Platform):
    admin.ok("apps:create", "blog")
    before = [one.id for one in platform.store.events.list()]
    admin.ok("apps:destroy", "blog", "--force")
    admin.ok("apps:create", "blog")
    after = [one.id for one in platform.store.events.list()]
    assert after[: len(before)] == before
    assert after == sorted(set(after))


def test_a_change_without_an_event_is_noticed_by_the_tests_themselves(
    admin: Admin, platform: Platform, blog: App
):
    with pytest.raises(AssertionError, match="left no event"), audited(platform, "made:up"):
        platform.store.config.set(blog, {"A": "1"})
    with audited(platform, "made:up"):
        platform.store.config.get(blog)


CHANGES = """
apps:create shop | apps:lock blog | apps:unlock blog
apps:destroy blog --force | config:set blog A=1 | config:set --global A=1
config:set blog A=1 --build | config:unset blog PRESENT | config:clear blog
domains:add blog a.example.com | domains:remove blog b.example.com
domains:set blog c.example.com | domains:clear blog | domains:reset blog
domains:disable blog | domains:enable blog
domains:add-global d.example.com | domains:set-global e.example.com
ports:add blog http:8080:5000 | ports:set blog http:8081:5000
ps:scale blog web=2 | ps:set blog restart-policy no | ps:set --global restart-policy no
checks:disable blog web | checks:skip blog | checks:enable blog | checks:set blog timeout 9
resource:limit blog --memory 64m | git:set blog deploy-branch trunk
builder:set blog selected dockerfile | buildpacks:add blog python | buildpacks:set blog python
app-json:set blog appjson-path other.json | docker-options:add blog build "--build-arg A=1"
proxy:disable blog | maintenance:enable blog | redirect:set blog f.example.com blog.localhost
http-auth:enable blog alice secret | nginx:set blog hsts false
events:off | cron:set --global mailto ops@example.com
"""


@pytest.mark.parametrize(
    "words", [one.strip() for line in CHANGES.strip().splitlines() for one in line.split("|")]
)
def test_every_change_leaves_an_event(admin: Admin, platform: Platform, blog: App, words: str):
    platform.store.config.set(blog, {"PRESENT": "yes"})
    platform.store.domains.add(blog, ["b.example.com"])
    before = platform.store.events.newest()
    with audited(platform, words):
        said = admin(*shlex.split(words), caller=ROOT)
    assert said.status == 0, said
    news = platform.store.events.list(after=before)
    assert [one.actor for one in news] == ["root"] * len(news)
    assert news, f"{words} left no event"
