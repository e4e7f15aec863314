"""Config, properties, formation, limits and buildpacks: small tables, the same promises."""

import pytest

from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.model.container import Limits
from paas.store.store import Store


@pytest.fixture
def app(store: Store) -> App:
    return store.apps.create("blog")


def test_an_apps_config_covers_the_instances(store: Store, app: App):
    store.config.set(None, {"SHARED": "one", "BOTH": "global"})
    store.config.set(app, {"OWN": "a\nb = 'c'", "BOTH": "app"})
    assert store.config.get(app) == {"BOTH": "app", "OWN": "a\nb = 'c'"}
    assert store.config.merged(app) == {"BOTH": "app", "OWN": "a\nb = 'c'", "SHARED": "one"}
    assert store.config.get(None) == {"BOTH": "global", "SHARED": "one"}


def test_config_set_again_has_one_value_globally_too(store: Store, app: App):
    for where in (app, None):
        store.config.set(where, {"KEY": "old"})
        store.config.set(where, {"KEY": "new"})
        assert store.config.get(where) == {"KEY": "new"}


def test_config_is_unset_and_replaced(store: Store, app: App):
    store.config.set(app, {"A": "1", "B": "2", "C": "3"})
    store.config.unset(app, ["A", "MISSING"])
    assert store.config.get(app) == {"B": "2", "C": "3"}
    store.config.replace(app, {"D": "4"})
    assert store.config.get(app) == {"D": "4"}


def test_apps_do_not_see_each_others_config(store: Store, app: App):
    other = store.apps.create("blog2")
    store.config.set(other, {"SECRET": "x"})
    assert store.config.merged(app) == {}


def test_config_of_an_app_that_is_gone_is_refused_without_showing_it(store: Store, app: App):
    store.apps.remove(app)
    with pytest.raises(PaasError, match="destroyed meanwhile") as error:
        store.config.set(app, {"TOKEN": "s3cret-value"})
    assert "s3cret-value" not in f"{error.value} {error.value.__cause__}"


def test_properties_are_kept_by_app_namespace_and_key(store: Store, app: App):
    store.properties.set(app, "git", "deploy-branch", "main")
    store.properties.set(app, "git", "deploy-branch", "trunk")
    store.properties.set(None, "git", "deploy-branch", "master")
    store.properties.set(None, "git", "deploy-branch", "release")
    assert store.properties.get(app, "git", "deploy-branch") == "trunk"
    assert store.properties.get(None, "git", "deploy-branch") == "release"
    assert store.properties.get(app, "checks", "deploy-branch") is None
    store.properties.set(app, "git", "deploy-branch", None)
    assert store.properties.all(app, "git") == {}


def test_a_formation_is_what_was_set_last(store: Store, app: App):
    assert store.formation.get(app).count("web") == 1
    store.formation.set(app, {"web": 2, "worker": 1})
    store.formation.set(app, {"web": 0})
    assert store.formation.get(app).counts == {"web": 0}
    assert store.formation.get(app).count("worker") == 0


def test_a_types_own_limits_cover_the_apps_which_cover_the_defaults(store: Store, app: App):
    defaults = Limits(memory_bytes=512 << 20, pids=256)
    store.limits.set(app, None, {"memory": "128m", "cpu": "0.5"})
    store.limits.set(app, "worker", {"memory": "2g", "pids": "unlimited"})
    web, worker = (store.limits.effective(app, kind, defaults) for kind in ("web", "worker"))
    assert (web.memory_bytes, web.cpus, web.pids) == (128 << 20, 0.5, 256)
    assert (worker.memory_bytes, worker.cpus, worker.pids) == (2 << 30, 0.5, None)
    store.limits.clear(app, "worker", ["memory", "pids"])
    assert store.limits.effective(app, "worker", defaults).memory_bytes == 128 << 20


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory", "lots"),
        ("memory", "1k"),
        ("memory", "-5m"),
        ("memory", "٣m"),
        ("cpu", "0"),
        ("cpu", "nan"),
        ("cpu", "1e9"),
        ("pids", "1.5"),
        ("pids", "2"),
        ("disk", "unlimited"),
        ("network-egress", "10 parrots"),
        ("swap", "1g"),
    ],
)
def test_a_limit_without_sense_changes_nothing(store: Store, app: App, key: str, value: str):
    with pytest.raises(UsageError):
        store.limits.set(app, None, {"disk-read": "1m", key: value})
    assert store.limits.get(app, None) == {}


def test_buildpacks_keep_their_order(store: Store, app: App):
    store.buildpacks.set(app, ["nodejs", "python"])
    assert store.buildpacks.list(app) == ["nodejs", "python"]
    store.buildpacks.set(app, [])
    assert store.buildpacks.list(app) == []
