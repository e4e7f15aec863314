import threading

import pytest

from paas.errors import AppNotFound, PaasError
from paas.model.app import App
from paas.model.release import Image, Layer
from paas.store.store import Store

IMAGE = Image(
    "one",
    (Layer("stack", 0, 5), Layer("source", 7)),
    {"web": "run me"},
    environment={"PATH": "/bin"},
    buildpacks=("python", "nodejs"),
    commit="abc",
    manifest={"env": {"A": {"required": True}}},
)


@pytest.fixture
def app(store: Store) -> App:
    return store.apps.create("blog")


def test_a_release_comes_back_as_it_was_cut(store: Store, app: App):
    cut = store.releases.cut(app, IMAGE, {"KEY": "a\nb"}, "Deploy abc", "alice")
    assert (cut.name, cut.status) == ("v1", "pending")
    assert store.releases.get(app, 1) == cut
    assert store.releases.get(app, 1).image == IMAGE


def test_one_release_is_current_and_a_newer_one_takes_its_place(store: Store, app: App):
    first = store.releases.cut(app, IMAGE, {}, "one", "alice")
    assert store.releases.current(app) is None
    store.releases.succeed(first)
    second = store.releases.cut(app, IMAGE, {}, "two", "alice")
    assert store.releases.current(app).version == 1
    store.releases.succeed(second)
    assert store.releases.current(app).version == 2
    assert [one.status for one in store.releases.list(app)] == ["succeeded", "succeeded"]


def test_a_failed_release_leaves_the_current_one(store: Store, app: App):
    first = store.releases.cut(app, IMAGE, {}, "one", "alice")
    store.releases.succeed(first)
    store.releases.fail(store.releases.cut(app, IMAGE, {}, "two", "alice"))
    store.releases.fail(first)
    assert store.releases.current(app).version == 1
    assert [one.status for one in store.releases.list(app)] == ["failed", "succeeded"]


def test_versions_are_cut_one_by_one_however_many_ask(store: Store, app: App):
    def cut():
        store.releases.cut(app, IMAGE, {}, "at once", "alice")

    threads = [threading.Thread(target=cut) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version for one in store.releases.list(app)) == list(range(1, 21))


def test_prune_keeps_the_newest_and_whatever_is_current_and_numbers_go_on(store: Store, app: App):
    made = [store.releases.cut(app, IMAGE, {}, str(n), "alice") for n in range(6)]
    for release in made[:5]:
        store.releases.succeed(release)
    store.releases.succeed(made[0])
    store.releases.fail(made[5])
    assert [one.version for one in store.releases.prune(app, 2)] == [3, 2]
    assert [one.version for one in store.releases.list(app)] == [6, 5, 4, 1]
    store.releases.prune(app, 0)
    assert [one.version for one in store.releases.list(app)] == [1]
    assert store.releases.cut(app, IMAGE, {}, "next", "alice").version == 7


def test_what_a_dead_daemon_left_half_done_is_marked_failed(store: Store, app: App):
    done = store.releases.cut(app, IMAGE, {}, "one", "alice")
    store.releases.succeed(done)
    store.releases.cut(app, IMAGE, {}, "two", "alice")
    assert store.releases.fail_pending() == 1
    assert [one.status for one in store.releases.list(app)] == ["failed", "succeeded"]


def test_a_release_that_is_not_kept_is_named(store: Store, app: App):
    with pytest.raises(PaasError, match="blog has no release v9"):
        store.releases.get(app, 9)


def test_a_release_of_a_destroyed_app_cannot_be_cut_or_made_current(store: Store, app: App):
    cut = store.releases.cut(app, IMAGE, {}, "one", "alice")
    store.apps.remove(app)
    with pytest.raises(AppNotFound):
        store.releases.cut(app, IMAGE, {}, "two", "alice")
    with pytest.raises(PaasError, match="destroyed"):
        store.releases.succeed(cut)


def test_no_secret_is_in_a_releases_own_words(store: Store, app: App):
    release = store.releases.cut(app, IMAGE, {"TOKEN": "s3cret"}, "one", "alice")
    assert "s3cret" not in repr(release)
    assert "s3cret" not in repr(store.releases.list(app))


def image(*layers: str) -> Image:
    return Image(layers[-1], tuple(Layer(one, 0) for one in layers), {"web": "x"})


def test_which_layers_are_needed_is_known_of_all_apps(store: Store, app: App):
    other = store.apps.create("shop")
    for owner, layers in ((app, ("stack", "a")), (other, ("stack", "b")), (other, ("stack", "c"))):
        store.releases.succeed(store.releases.cut(owner, image(*layers), {}, "x"))
    store.releases.cut(app, image("stack", "pending"), {}, "x")
    store.releases.fail(store.releases.cut(app, image("stack", "failed"), {}, "x"))
    assert store.releases.layers_needed() == {"stack", "a", "b", "c", "pending"}
    assert store.releases.layers_needed(["a", "failed", "lost"]) == {"a"}
    assert store.releases.layers_needed(besides=other) == {"stack", "a", "pending"}
    assert store.releases.layers_needed([f"x{n}" for n in range(40_000)]) == set()
    assert store.releases.layers_by_app() == {
        app.id: {"stack", "a", "pending"},
        other.id: {"stack", "b", "c"},
    }


def test_a_forgotten_release_needs_nothing_nor_does_that_of_an_app_that_is_gone(
    store: Store, app: App
):
    for name in ("a", "b", "c"):
        store.releases.succeed(store.releases.cut(app, image(name), {}, "x"))
    assert sorted(store.releases.surplus(app, 1).values()) == [1, 2]
    store.releases.prune(app, 1)
    assert store.releases.layers_needed() == {"c"}
    store.apps.remove(app)
    assert store.releases.layers_needed() == set()
