"""Events and process states: durable, bounded."""

from dataclasses import replace

import pytest

from paas.model.container import ExitStatus
from paas.model.process_state import ProcessState
from paas.model.release import Image
from paas.settings import Settings
from paas.store.store import Store


@pytest.fixture
def few(settings: Settings) -> Store:
    store = Store(replace(settings, events_kept=128))
    yield store  # type: ignore[misc]
    store.close()


def test_the_newest_are_kept_and_a_crash_loop_does_not_push_the_others_out(few: Store):
    few.events.record("blog", "alice", "deploy", "succeeded", "v1")
    for number in range(100):
        few.events.record("blog", "paas", "exit", "failed", str(number))
    assert few.events.list("blog")[0].detail == "v1"
    assert few.events.counts()["exit"] <= 32 + 64
    for number in range(400):
        few.events.record("shop", "alice", "config", "succeeded", str(number))
    kept = few.events.list()
    assert len(kept) <= 128 + 64
    assert kept[-1].detail == "399"
    assert few.events.list("blog") == []


def test_a_detail_is_cut_where_it_gets_long(few: Store):
    few.events.record("blog", "alice", "config", "succeeded", "x" * 5000)
    assert len(few.events.list()[0].detail) == 1000


def test_the_last_of_one_app_and_those_after_an_event(few: Store):
    for app in ("blog", "shop", "blog"):
        few.events.record(app, "alice", "app", "succeeded", app)
    first, second, third = few.events.list()
    assert few.events.list("blog", 1) == [third]
    assert few.events.list(after=first.id) == [second, third]


def test_an_exit_is_remembered_when_the_store_is_opened_again(settings: Settings):
    store = Store(settings)
    app = store.apps.create("blog")
    ended = ExitStatus(137, out_of_memory=True)
    kept = ProcessState(3, 2, True, ended, None, 7, 64 << 20)
    store.process_states.change(app, "web", 1, lambda _: kept)
    store.close()
    again = Store(settings)
    assert again.process_states.get(app, "web", 1) == kept
    assert again.process_states.all(app) == {"web.1": kept}
    fresh = again.process_states.change(app, "web", 1, ProcessState.fresh)
    assert (fresh.restarts, fresh.gave_up, fresh.last_exit) == (0, False, ended)
    again.apps.remove(app)
    assert again.process_states.all(app) == {}
    again.close()


def test_crashes_count_from_the_switch_and_a_restart_is_no_switch(store: Store):
    app = store.apps.create("blog")
    image = Image("i", (), {"web": "x"})
    one = store.releases.cut(app, image, {}, "one")
    store.releases.succeed(one)
    assert [store.releases.crashed(one) for _ in range(2)] == [1, 2]
    switched_at = store.releases.get(app, 1).served_at
    store.releases.succeed(one)
    assert store.releases.get(app, 1).crashes == 2
    assert store.releases.get(app, 1).served_at == switched_at
    two = store.releases.cut(app, image, {}, "two", "paas", reverts=1)
    assert (two.reverts, store.releases.get(app, 2).reverts) == (1, 1)
    store.releases.succeed(two)
    assert store.releases.get(app, 2).served_at is not None
