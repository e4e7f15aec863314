"""What every command that may change something leaves, whatever it is and however it went."""

from dataclasses import replace

import click
import pytest

from paas.commands import accounts, table  # noqa: F401 - fills the registry
from paas.commands.accounts import LOOKING, TELLING, action_of, may_change
from paas.commands.permissions import Permission
from paas.commands.registry import Command, registry
from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.model.event import ACTIONS, Event
from paas.platform import Platform
from tests.commands.bad_lines import arguments, options, sample, words
from tests.commands.conftest import ADMIN, ROOT, Admin

CHANGING = [
    pytest.param(one, id=one.name)
    for one in registry.values()
    if may_change(one.name, one.permission)
]
# what makes those change something that else show how things are
SAID = {
    "git:webhook": ("--enable",),
    "ps:scale": ("web=1",),
    "resource:limit": ("--memory", "1g"),
    "resource:reserve": ("--memory", "1g"),
}
CANARY = "hunter2-canary"


def left(platform: Platform, after: int) -> list[Event]:
    return platform.store.events.list(after=after)


def called(
    monkeypatch: pytest.MonkeyPatch, admin: Admin, command: Command, outcome: Exception | int
) -> list[Event]:
    """The events of a call of a command which does nothing but to end so."""

    def function(_context: object, **_values: object) -> int:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setitem(registry, command.name, replace(command, function=function))
    before = admin.platform.store.events.newest()
    admin(command.name, *words(command, "blog"), *SAID.get(command.name, ()), caller=ROOT)
    return left(admin.platform, before)


@pytest.mark.parametrize("command", CHANGING)
def test_a_command_that_tells_nothing_is_told_of_however_it_goes(
    monkeypatch: pytest.MonkeyPatch, shared: Platform, command: Command
):
    admin = Admin(shared)
    outcomes = {
        "succeeded": (0, command.name),
        "failed": (PaasError("it broke"), f"{command.name}: it broke"),
    }
    for result, (outcome, detail) in outcomes.items():
        (event,) = called(monkeypatch, admin, command, outcome)
        assert (event.actor, event.result, event.detail) == ("root", result, detail)
        assert event.action in ACTIONS
        if any(one.name == "app" and one.required for one in arguments(command)):
            assert event.app == "blog"
    (event,) = called(monkeypatch, admin, command, 3)
    assert (event.result, event.detail) == ("failed", f"{command.name}: exited with code 3")
    (event,) = called(monkeypatch, admin, command, RuntimeError(CANARY))
    assert (event.result, event.detail) == ("failed", f"{command.name}: RuntimeError")
    assert called(monkeypatch, admin, command, UsageError("not so")) == []


@pytest.mark.parametrize("command", CHANGING)
def test_no_word_that_may_be_a_secret_is_in_an_event(
    monkeypatch: pytest.MonkeyPatch, shared: Platform, command: Command
):
    def repeat(_context: object, **values: object) -> None:
        raise PaasError(f"it broke: {values}")

    places = [
        one
        for one in (*arguments(command), *options(command))
        if one.name in (*accounts.SECRETS, *accounts.SECRETS_OF.get(command.name, ()))
        and getattr(one.type, "name", "") != "options"  # of a mount, such as ro
    ]
    monkeypatch.setitem(registry, command.name, replace(command, function=repeat))
    for place in places:
        before = shared.store.events.newest()
        Admin(shared)(*telling(command, place))
        assert [one.result for one in left(shared, before)] == ["failed"]
        assert not any(CANARY in one.detail for one in left(shared, before))


def telling(command: Command, place: click.Parameter) -> tuple[str, ...]:
    """A command line with the canary in one place."""
    kind = getattr(place.type, "name", "")
    word = f"KEY={CANARY}" if kind == "key=value" else CANARY
    if isinstance(place, click.Option):
        return command.name, f"{place.opts[-1]}={word}", *words(command, "blog")
    line = [sample(one, "blog") for one in arguments(command)]
    before = arguments(command).index(place)
    return command.name, *line[:before], word


def test_every_command_is_one_that_looks_or_one_that_tells():
    looks = {Permission.PUBLIC, Permission.READ}
    for name in (*LOOKING, *TELLING):
        assert registry[name].permission not in looks, f"{name} needs no mention"
    for command in registry.values():
        assert action_of(command.name) in ACTIONS or command.permission in looks


def test_a_command_with_a_dry_run_says_so_and_leaves_no_event_of_it(
    admin: Admin, platform: Platform
):
    flags = {
        command.name: option.name
        for command in registry.values()
        for option in command.options
        if "--dry-run" in option.opts
    }
    assert flags == {one.name: one.dry_run for one in registry.values() if one.dry_run}
    before = platform.store.events.newest()
    admin.ok("gc", "--dry-run")
    assert left(platform, before) == []
    admin.ok("gc")
    assert [one.action for one in left(platform, before)] == ["gc"]


def test_what_tells_of_itself_is_told_once(admin: Admin, platform: Platform, blog: App):
    admin.ok("domains:add", "blog", "a.example.com")
    assert [one.detail for one in platform.store.events.list(action="domains")] == [
        "Added a.example.com"
    ]


def test_an_app_that_could_not_be_made_is_named(admin: Admin, platform: Platform, blog: App):
    before = platform.store.events.newest()
    admin.fails("apps:create", "blog")
    (event,) = left(platform, before)
    assert (event.app, event.action, event.result) == ("blog", "app", "failed")


@pytest.mark.parametrize(
    "words",
    [
        "ps:scale blog",
        "ps:scale blog --format json",
        "resource:limit blog",
        "resource:limit blog --process-type web",
        "resource:reserve blog",
    ],
)
def test_whoever_asks_how_things_are_leaves_nothing(
    admin: Admin, platform: Platform, blog: App, words: str
):
    newest = platform.store.events.newest()
    admin.ok(*words.split())
    assert platform.store.events.list(after=newest) == []


def test_whoever_looks_leaves_nothing(admin: Admin, platform: Platform, blog: App):
    before = platform.store.events.newest()
    admin.ok("config:show", "blog")
    admin.ok("apps:list")
    admin.fails("config:get", "blog", "NOTHING", caller=ADMIN)
    assert left(platform, before) == []
