"""Which apps start before which, when many are started."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from paas.deploy import order
from paas.deploy.boot import Slot, slot_of
from paas.deploy.restoring import AT_ONCE, Place, Plan, Restoring
from paas.errors import AppNotFound, PaasError
from paas.store.store import Store


class Shop:
    """A platform of which only the store is there."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def app(self, name: str, after: str = "", priority: str = ""):
        app = self.store.apps.find(name) or self.store.apps.create(name)
        if after:
            kept = order.accepted(self, app, after)  # type: ignore[arg-type]
            self.store.properties.set(app, *order.START_AFTER, kept)
        if priority:
            self.store.properties.set(app, *order.PRIORITY, priority)
        return app


@pytest.fixture
def shop(settings) -> Iterator[Shop]:
    store = Store(settings)
    yield Shop(store)
    store.close()


def test_what_an_app_needs_is_kept_over_a_rename(shop: Shop):
    db = shop.app("db")
    blog = shop.app("blog", after="db")
    shop.store.apps.rename(db, "postgres")
    kept = shop.store.properties.get(blog, *order.START_AFTER)
    assert order.names(shop, kept) == "postgres"


def test_an_app_that_is_gone_is_needed_no_more(shop: Shop):
    db = shop.app("db")
    shop.app("cache")
    blog = shop.app("blog", after="db,cache")
    shop.store.apps.remove(db)
    kept = shop.store.properties.get(blog, *order.START_AFTER)
    assert order.names(shop, kept) == "cache"


def test_a_circle_is_refused_and_told(shop: Shop):
    for name in ("a", "b", "c"):
        shop.app(name)
    shop.app("a", after="b")
    shop.app("b", after="c")
    with pytest.raises(PaasError, match=r"c after a after b after c"):
        shop.app("c", after="a")
    with pytest.raises(PaasError, match=r"a after a"):
        shop.app("a", after="a")


def test_two_ways_to_one_app_are_no_circle(shop: Shop):
    for name in ("db", "one", "two", "top"):
        shop.app(name)
    shop.app("one", after="db")
    shop.app("two", after="db")
    shop.app("top", after="one, two,db")


def test_an_unknown_app_cannot_be_needed(shop: Shop):
    with pytest.raises(AppNotFound):
        shop.app("blog", after="nobody")


def test_what_an_urgent_app_needs_is_as_urgent(shop: Shop):
    db, cache, blog, other = (shop.app(name) for name in ("db", "cache", "blog", "other"))
    shop.app("cache", after="db")
    shop.app("blog", after="cache", priority="9")
    shop.app("other", priority="5")
    found = order.urgencies(shop, shop.store.apps.list())
    assert [found[one.id] for one in (db, cache, blog, other)] == [9, 9, 9, 5]


# -- carrying it out -------------------------------------------------------------------


def place(app: str, urgency: int = 0, process: str = "web") -> Place:
    slot = slot_of(process, 1)
    return Place((-urgency, slot.rank), app, slot)


def started(plan: Plan, up: Callable[[str], bool] = lambda _: True) -> list[str]:
    """The apps in the order in which they were up, one at a time where they may be."""
    seen: list[str] = []
    lock = threading.Lock()

    def start(app: str, _slot: object) -> bool:
        with lock:
            seen.append(app)
        return up(app)

    Restoring(plan, start, lambda: False).run()
    return seen


def test_an_app_starts_after_all_slots_of_those_it_needs():
    places = [place("blog", 5), place("db"), place("db", process="worker")]
    assert started(Plan(places, {"blog": ("db",)})) == ["db", "db", "blog"]


def test_an_app_that_cannot_start_keeps_nobody_from_starting():
    places = [place("blog"), place("db")]
    assert started(Plan(places, {"blog": ("db",)}), up=lambda app: app != "db") == ["db", "blog"]


def test_an_app_that_runs_already_is_not_waited_for():
    assert started(Plan([place("blog")], {"blog": ("db",)})) == ["blog"]


def test_a_circle_that_came_to_be_all_the_same_is_broken():
    places = [place("a"), place("b")]
    assert sorted(started(Plan(places, {"a": ("b",), "b": ("a",)}))) == ["a", "b"]


def test_who_waited_for_an_app_comes_next_once_that_is_up():
    others = [place(f"other-{n:02}") for n in range(20)]
    plan = Plan(sorted([place("blog", 5), place("db", 5), *others]), {"blog": ("db",)})
    begun: list[str] = []

    def start(app: str, _slot: object) -> bool:
        begun.append(app)
        return True

    Restoring(plan, start, lambda: False, at_once=1).run()
    assert begun[:2] == ["db", "blog"]


def test_few_are_started_at_once_and_a_slow_one_gives_up_its_turn():
    slow, everybody = threading.Event(), threading.Semaphore(0)
    most, now, lock = 0, 0, threading.Lock()

    def start(app: str, _slot: object) -> bool:
        nonlocal most, now
        if app.startswith("slow"):
            return slow.wait(60)
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with lock:
            now -= 1
        everybody.release()
        return True

    names = [f"slow-{n}" for n in range(AT_ONCE)] + [f"quick-{n}" for n in range(20)]
    plan = Plan([place(name) for name in names])
    running = threading.Thread(target=Restoring(plan, start, lambda: False).run)
    running.start()
    for _ in range(20):
        assert everybody.acquire(timeout=60)
    assert most <= AT_ONCE
    slow.set()
    running.join(60)
    assert not running.is_alive()


def test_no_more_of_a_process_type_are_under_way_than_the_app_says():
    most: Counter[str] = Counter()
    now: Counter[str] = Counter()
    lock, two_workers = threading.Lock(), threading.Event()

    def start(_app: str, slot: Slot) -> bool:
        with lock:
            now[slot.process] += 1
            most[slot.process] = max(most[slot.process], now[slot.process])
            if now["worker"] == 2:
                two_workers.set()
        if slot.process == "worker":
            two_workers.wait(60)
        threading.Event().wait(0.02)
        with lock:
            now[slot.process] -= 1
        return True

    places = [
        Place((0, 0), "blog", slot_of(process, number))
        for process in ("web", "worker")
        for number in range(1, 7)
    ]
    plan = Plan(places, most={"blog": {"web": 1}})
    Restoring(plan, start, lambda: False, at_once=6).run()
    assert most["web"] == 1
    assert most["worker"] > 1


def test_a_daemon_that_ends_starts_nobody_any_more():
    plan = Plan([place("blog")])
    Restoring(plan, lambda *_: pytest.fail("started"), lambda: True).run()
