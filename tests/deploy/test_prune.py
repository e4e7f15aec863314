"""What an operation leaves over goes with it; what it could not remove goes soon after."""

import time

import pytest

from paas.console import silent
from paas.deploy import pipeline, prune
from paas.errors import PaasError
from paas.image.layers import Layers
from paas.model.app import App
from paas.model.release import Image
from paas.platform import Platform
from tests.commands.conftest import migrated, platform  # noqa: F401 - fixtures
from tests.upkeep.conftest import layer, present, release


@pytest.fixture
def app(platform: Platform) -> App:  # noqa: F811
    return platform.store.apps.create("blog")


def gone(platform: Platform, name: str) -> None:  # noqa: F811
    deadline = time.monotonic() + 60
    while (platform.layers.root / name).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_deploy_that_fails_leaves_none_of_its_layers(platform: Platform, app: App):  # noqa: F811
    def deploy() -> None:
        with silent() as console, pipeline.operation(platform, "blog", console):
            layer(platform, "source-new", app=app)
            layer(platform, "deps-new", app=app)
            raise PaasError("the build failed")

    with pytest.raises(PaasError, match="the build failed"):
        deploy()
    gone(platform, "source-new")
    assert present(platform) == ["deps-new"]  # the next push uses it


def test_a_deploy_that_works_forgets_the_release_before_the_last_kept_ones(
    platform: Platform,  # noqa: F811
    app: App,
):
    platform.store.properties.set(app, "gc", "releases-kept", "2")
    for number in range(4):
        with silent() as console, pipeline.operation(platform, "blog", console):
            release(platform, app, layer(platform, f"source-{number}", app=app))
    gone(platform, "source-1")
    assert [one.version for one in platform.store.releases.list(app)] == [4, 3]
    assert present(platform) == ["source-2", "source-3"]


def test_a_layer_of_another_app_stays_when_the_one_that_made_it_forgets_it(
    platform: Platform,  # noqa: F811
    app: App,
):
    """As after apps:clone."""
    clone = platform.store.apps.create("clone")
    made = layer(platform, "source-1", app=app)
    release(platform, clone, made)
    platform.store.properties.set(app, "gc", "releases-kept", "1")
    for layers in ((made,), (layer(platform, "source-2", app=app),)):
        with silent() as console, pipeline.operation(platform, "blog", console):
            release(platform, app, *layers)
    assert [one.version for one in platform.store.releases.list(app)] == [2]
    assert present(platform) == ["source-1", "source-2"]


def test_what_could_not_be_removed_goes_with_the_next_patrol(
    platform: Platform,  # noqa: F811
    app: App,
    monkeypatch: pytest.MonkeyPatch,
):
    def full(self: Layers, layer_id: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Layers, "take_away", full)
        with silent() as console, pipeline.operation(platform, "blog", console):
            layer(platform, "source-lost", app=app)
        with pytest.raises(OSError, match="No space"):
            prune.once_more(platform)
    assert present(platform) == ["source-lost"]
    prune.once_more(platform)
    gone(platform, "source-lost")
    layer(platform, "source-else", app=app)
    prune.once_more(platform)  # nothing is known to be left
    assert present(platform) == ["source-else"]


def test_a_release_cannot_be_cut_from_layers_that_are_gone(platform: Platform, app: App):  # noqa: F811
    made = layer(platform, "source-1", app=app)
    platform.layers.remove("source-1")
    with silent() as console, pytest.raises(PaasError, match="layer source-1 is not there"):
        pipeline.cut(platform, app, Image("x", (made,), {}), {}, "Rollback", "alice", console)
    assert platform.store.releases.list(app) == []


def test_an_app_that_is_destroyed_takes_what_only_it_could_use(platform: Platform, app: App):  # noqa: F811
    other = platform.store.apps.create("shop")
    mine, shared = layer(platform, "deps-1", app=app), layer(platform, "runtime-1")
    source = layer(platform, "source-1", app=app)
    release(platform, app, mine, shared, source)
    release(platform, other, source)  # a clone
    with platform.layers.leased():
        layer(platform, "deps-2", app=app)  # of a build that is still under way
        prune.everything(platform, app)
        assert present(platform) == ["deps-2", "runtime-1", "source-1"]


def test_a_layer_of_no_release_that_is_still_held_goes_once_it_is_let_go(
    platform: Platform,  # noqa: F811
    app: App,
):
    made = layer(platform, "source-held", app=app)
    platform.layers.hold("a container", [made])
    prune.orphans(platform)
    prune.once_more(platform)
    assert present(platform) == ["source-held"]
    platform.layers.let_go("a container")
    prune.once_more(platform)
    gone(platform, "source-held")
