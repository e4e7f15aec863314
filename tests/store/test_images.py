"""Images by name, ports, options and registry logins: what is kept, and for whom."""

import threading

import pytest

from paas.errors import PaasError
from paas.model.app import App
from paas.model.image import Health, ImageConfig, Origin, Packages, Step, User
from paas.model.ports import mapping
from paas.model.release import Image, Layer
from paas.settings import Settings
from paas.store import image_column
from paas.store.registries import Login
from paas.store.sealed import Seal
from paas.store.store import Store

IMAGE = Image(
    id="abc",
    layers=(Layer("base", 0, 10), Layer("own", 65536, 5)),
    processes={"web": "serve --now"},
    environment={"PATH": "/bin"},
    config=ImageConfig(
        entrypoint=("/entry", "point"),
        command=("serve", "--now"),
        user_name="node",
        user=User(1000, 50, (60,), "/home/node"),
        ports=(80, 8080),
        volumes=("/data",),
        labels={"a": "b"},
        health=Health(("true",), retries=5),
        source="somewhere",
    ),
    steps=(Step("RUN make", "own", "2026-01-01T00:00:00Z"), Step("CMD serve")),
    origin=Origin(
        "herokuish",
        packs=(("python", "1"),),
        bases=(("debian", "2"),),
        packages=(Packages("own", ("tree",), ("deb http://x y z",), ("tree_2_amd64.deb",)),),
    ),
)


@pytest.fixture
def app(store: Store) -> App:
    return store.apps.create("blog")


def test_an_image_is_read_as_it_was_written(store: Store, app: App):
    store.images.set(None, "base:1", IMAGE, "alice")
    found = store.images.get(None, "base:1")
    assert found is not None
    assert (found.image, found.actor, found.app_id) == (IMAGE, "alice", None)
    assert store.releases.cut(app, IMAGE, {}, "Deploy").image == IMAGE
    assert store.releases.list(app)[0].image == IMAGE


def test_an_image_of_an_earlier_version_has_no_config_and_no_steps():
    kept = {"id": "abc", "layers": [], "processes": {}, "buildpacks": ["python"]}
    found = image_column.image(kept)
    assert (found.config, found.steps, found.buildpacks) == (None, (), ("python",))
    found = image_column.image({**kept, "origin": {"packs": [["python", "1"]], "variables": ["A"]}})
    assert found.origin == Origin(packs=(("python", "1"),), variables=("A",))


def test_a_name_may_mean_something_else_to_each_app(store: Store, app: App):
    other = Image("def", (), {})
    store.images.set(None, "base:1", IMAGE, "alice")
    store.images.set(app, "base:1", other, "bob")
    assert store.images.get(app, "base:1").image == other  # type: ignore[union-attr]
    assert store.images.get(None, "base:1").image == IMAGE  # type: ignore[union-attr]
    assert len(store.images.list()) == 2


def test_a_name_given_again_has_one_image(store: Store):
    store.images.set(None, "base:1", IMAGE, "alice")
    store.images.set(None, "base:1", Image("def", (), {}), "alice")
    assert [one.image.id for one in store.images.list()] == ["def"]
    assert store.images.remove(None, "base:1")
    assert not store.images.remove(None, "base:1")


def test_an_apps_images_ports_options_and_logins_go_with_it(store: Store, app: App):
    store.images.set(app, "base:1", IMAGE, "alice")
    store.ports.set(app, [mapping("http:80:5000")])
    store.docker_options.set(app, "build", ["--no-cache"])
    store.registries.set(app, Login("r.example", "alice", "secret"))
    store.apps.remove(app)
    again = store.apps.create("blog")
    assert not store.images.list()
    assert not store.ports.list(again)
    assert not store.docker_options.list(again, "build")
    assert not store.registries.servers(again)


def test_of_two_mappings_for_one_host_port_the_later_one_counts(store: Store, app: App):
    wanted = ["http:8080:9000", "http:80:5000", "https:80:1", "http:80:6000"]
    store.ports.set(app, [mapping(one) for one in wanted])
    assert [str(one) for one in store.ports.list(app)] == [
        "http:80:6000",
        "http:8080:9000",
        "https:80:1",
    ]


def test_options_keep_their_order_and_belong_to_a_phase_and_a_process(store: Store, app: App):
    store.docker_options.set(app, "build", ["--build-arg B=1", "--build-arg A=2"])
    store.docker_options.set(app, "deploy", ["--shm-size 1g"], "web")
    assert store.docker_options.list(app, "build") == ["--build-arg B=1", "--build-arg A=2"]
    assert store.docker_options.list(app, "deploy") == []
    assert store.docker_options.list(app, "deploy", "web") == ["--shm-size 1g"]
    assert store.docker_options.processes(app, "deploy") == ["web"]


def test_an_apps_login_stands_beside_the_instances(store: Store, app: App):
    store.registries.set(None, Login("r.example", "all", "one"))
    store.registries.set(app, Login("r.example", "own", "two"))
    store.registries.set(app, Login("r.example", "own", "three"))
    assert store.registries.get(None, "r.example") == Login("r.example", "all", "one")
    assert store.registries.get(app, "r.example") == Login("r.example", "own", "three")
    assert store.registries.servers(app) == ["r.example"]
    assert store.registries.remove(app, "r.example")
    assert store.registries.get(app, "r.example") is None


def test_a_password_is_in_no_file_and_in_no_words(store: Store, settings: Settings):
    login = Login("r.example", "alice", "correct-horse-battery")
    store.registries.set(None, login)
    assert "correct-horse" not in repr(login)
    for path in settings.state_dir.glob("*"):
        assert b"correct-horse" not in path.read_bytes()
    assert (settings.state_dir / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_a_password_sealed_with_another_key_says_so(store: Store, settings: Settings):
    store.registries.set(None, Login("r.example", "alice", "secret"))
    (settings.state_dir / "secrets.key").unlink()
    with pytest.raises(PaasError, match="another key") as caught:
        store.registries.get(None, "r.example")
    assert "secret" not in caught.value.message.replace("secrets.key", "").replace("a secret", "")


def test_those_who_make_the_key_at_once_use_the_same_one(settings: Settings):
    file = settings.state_dir / "secrets.key"
    sealed: list[str] = []
    threads = [
        threading.Thread(target=lambda: sealed.append(Seal(file).close("x"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Seal(file).open(one) for one in sealed] == ["x"] * 8
    assert [path.name for path in settings.state_dir.iterdir()] == ["secrets.key"]
