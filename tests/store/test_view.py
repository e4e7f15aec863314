"""A view: every app looked at with a query a table, and the same answers as one by one."""

from paas.model.container import ExitStatus
from paas.model.process_state import ProcessState
from paas.model.release import Image
from paas.store.store import Store

IMAGE = Image(id="1", layers=(), processes={"web": "x"}, environment={}, buildpacks=(), commit="c")


def answers(store: Store) -> list[object]:
    """What the daemon asks of each app."""
    return [
        (
            store.apps.get(app.name),
            store.domains.effective(app),
            store.formation.get(app),
            store.releases.current(app),
            store.properties.get(app, "ps", "in-service"),
            store.properties.all(app, "ps"),
            store.process_states.get(app, "web", 1),
        )
        for app in store.apps.list()
    ]


def with_apps_of_every_kind(store: Store) -> None:
    one, two, three, four, five = (
        store.apps.create(name) for name in ("one", "two", "three", "a.four", "five")
    )
    store.domains.add(one, ["one.example.com", "*.one.example.com"])
    store.domains.set(three, ["only.example.com"])
    store.domains.add(two, ["three.localhost"])
    store.domains.enable(five, False)
    store.apps.stopped(two, True)
    store.formation.set(one, {"worker": 2, "web": 0})
    store.properties.set(one, "ps", "in-service", '["x"]')
    store.properties.set(None, "ps", "in-service", "of the instance")
    store.releases.succeed(store.releases.cut(four, IMAGE, {"A": "1"}, "Deploy"))
    ended = ProcessState(2, 1, gave_up=True, last_exit=ExitStatus(3))
    store.process_states.change(four, "web", 1, lambda _: ended)


def test_a_view_answers_as_the_database_does(store: Store):
    with_apps_of_every_kind(store)
    expected = answers(store)
    with store.view():
        assert answers(store) == expected


def test_default_names_belong_to_the_same_app_in_a_view(store: Store):
    store.domains.add(None, ["example.com", "a.example.com"])
    store.domains.add(store.apps.create("b"), ["x.example.com"])
    for name in ("four", "x.a", "x"):
        store.apps.create(name)
    expected = answers(store)
    with store.view():
        assert answers(store) == expected
    every = [name for app in store.apps.list() for name in store.domains.effective(app)]
    assert len(every) == len(set(every))


def test_a_view_asks_each_table_once_however_many_apps_there_are(store: Store, statements):
    for number in range(30):
        store.apps.create(f"app-{number}")
    with statements() as seen, store.view():
        answers(store)
    assert len(seen) < 12


def test_a_change_of_its_own_ends_a_view(store: Store):
    app = store.apps.create("blog")
    with store.view():
        assert store.properties.get(app, "ps", "held") is None
        store.properties.set(app, "ps", "held", "yes")
        assert store.properties.get(app, "ps", "held") == "yes"
        with store.together():
            store.properties.set(app, "ps", "held", "again")
            assert store.properties.get(app, "ps", "held") == "again"


def test_a_view_sees_one_moment(store: Store, elsewhere):
    app = store.apps.create("blog")
    with store.view():
        assert store.properties.get(app, "ps", "held") is None
        elsewhere(lambda: store.properties.set(app, "ps", "held", "yes"))
        elsewhere(lambda: store.apps.create("other"))
        assert store.properties.get(app, "ps", "held") is None
        assert [one.name for one in store.apps.list()] == ["blog"]
    assert store.properties.get(app, "ps", "held") == "yes"
