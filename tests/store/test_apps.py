import threading

import pytest

from paas.errors import AppNotFound, PaasError, UsageError
from paas.settings import Settings
from paas.store.store import Store


def test_an_app_is_found_again_after_a_restart(store: Store, settings: Settings):
    made = store.apps.create("blog")
    store.close()
    again = Store(settings)
    assert again.apps.get("blog") == made
    assert again.apps.find("blo") is None
    again.close()


def test_a_name_is_given_once(store: Store):
    store.apps.create("blog")
    with pytest.raises(PaasError, match="blog exists already"):
        store.apps.create("blog")
    other = store.apps.create("shop")
    with pytest.raises(PaasError, match="blog exists already"):
        store.apps.rename(other, "blog")
    assert store.apps.get("shop") == other


@pytest.mark.parametrize("name", ["", "Blog", "-x", "a_b", "..", "a/b", "a\nb", "a\0b", "é"])
def test_a_strange_name_is_refused(store: Store, name: str):
    with pytest.raises(UsageError):
        store.apps.create(name)
    assert store.apps.list() == []


def test_slots_are_the_lowest_free_and_ids_are_never_used_again(store: Store):
    first, second, third = (store.apps.create(name) for name in ("a", "b", "c"))
    assert (first.slot, second.slot, third.slot) == (1, 2, 3)
    store.apps.remove(third)
    store.apps.remove(first)
    fourth, fifth = store.apps.create("d"), store.apps.create("e")
    assert (fourth.slot, fifth.slot) == (1, 3)
    assert fourth.id > third.id


def test_no_more_apps_than_networks(settings: Settings):
    from dataclasses import replace

    store = Store(replace(settings, subnet_pool="10.9.0.0/24", subnet_prefix=26))
    for name in ("a", "b", "c"):
        store.apps.create(name)
    with pytest.raises(PaasError, match="all 3 networks are in use"):
        store.apps.create("d")
    store.close()


def test_threads_that_create_at_once_get_slots_of_their_own(store: Store):
    threads = [threading.Thread(target=store.apps.create, args=(f"a{n}",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(app.slot for app in store.apps.list()) == list(range(1, 21))


def test_an_app_takes_everything_of_it_along(store: Store):
    app = store.apps.create("blog")
    store.config.set(app, {"KEY": "value"})
    store.domains.add(app, ["blog.example.com"])
    store.properties.set(app, "git", "deploy-branch", "main")
    store.buildpacks.set(app, ["python"])
    store.limits.set(app, None, {"memory": "64m"})
    store.formation.set(app, {"web": 2})
    store.apps.remove(app)
    again = store.apps.create("blog")
    assert store.config.get(again) == {}
    assert store.domains.list(again) == []
    assert store.domains.owner("blog.example.com") is None
    assert store.properties.all(again, "git") == {}
    assert store.formation.get(again).counts == {}


def test_locks_and_stops_are_remembered(store: Store):
    app = store.apps.create("blog")
    store.apps.lock(app, True)
    store.apps.stopped(app, True)
    assert (store.apps.get("blog").locked, store.apps.get("blog").stopped) == (True, True)
    store.apps.lock(app, False)
    assert (store.apps.get("blog").locked, store.apps.get("blog").stopped) == (False, True)


def test_an_app_that_is_gone_cannot_be_changed(store: Store):
    app = store.apps.create("blog")
    store.apps.remove(app)
    with pytest.raises(AppNotFound):
        store.apps.lock(app, True)
