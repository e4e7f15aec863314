"""Registries: releases pushed to one that wants a login, and images pulled by those who may."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SCRATCH, own_settings
from tests.e2e import images
from tests.e2e.instance import Instance, running
from tests.e2e.registry import Registry, registry

OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def hub() -> Iterator[Registry]:
    with registry(SCRATCH / f"paas-registry-{secrets.token_hex(4)}", closed=True) as made:
        yield made


@pytest.fixture(scope="module")
def house(hub: Registry) -> Iterator[Instance]:
    """A platform that knows the registry speaks without TLS."""
    settings = own_settings(boot_timeout_s=30.0, drain_s=1.0, stop_grace_s=1.0, check_wait_s=0.2)
    with running(settings, {"PAAS_INSECURE_REGISTRIES": hub.server}) as instance:
        yield instance


@pytest.fixture(scope="module")
def pushed(house: Instance, hub: Registry) -> str:
    """An app whose releases are pushed."""
    house.ok("registry:login", "--global", "--password-stdin", hub.server, hub.user,
             stdin=hub.password.encode() + b"\n")  # fmt: skip
    house.ok("apps:create", "pushed")
    house.ok("registry:set", "pushed", "server", hub.server)
    house.ok("registry:set", "--global", "image-repo-template", "team/{{ .AppName }}")
    house.ok("registry:set", "pushed", "push-on-release", "true")
    house.ok("registry:set", "pushed", "push-extra-tags", "newest,stable")
    text = house.ok("git:load-image", "pushed", "x:1", stdin=images.archive("one"))
    assert f"Pushing v1 to {hub.server}/team/pushed:1" in text
    return "pushed"


def test_a_release_is_pushed_under_its_number_and_the_tags_beside_it(
    house: Instance, hub: Registry, pushed: str
):
    assert hub.tags("team/pushed") == ["1", "newest", "stable"]
    manifest = hub.get("team/pushed/manifests/1", accept=OCI).json()
    assert len(manifest["layers"]) == 2
    report = house.json("registry:report", pushed)
    assert report["tag-version"] == "1"  # type: ignore[index]
    assert report["computed-reference"] == f"{hub.server}/team/pushed"  # type: ignore[index]
    assert "Push v1" in house.ok("events", "--app", pushed)


def test_only_what_is_new_is_packed_and_sent(house: Instance, hub: Registry, pushed: str):
    before = hub.uploads()
    text = house.ok("git:load-image", pushed, "x:2", stdin=images.archive("two"))
    assert "2" in hub.tags("team/pushed")
    assert hub.uploads() == before + 3  # a layer, a description, a manifest
    assert text.count("Packing") == 0


def test_layers_that_the_registry_has_lost_are_sent_again(
    house: Instance, hub: Registry, pushed: str
):
    for path in (hub.root / "data/docker/registry/v2").iterdir():
        subprocess.run(["rm", "-rf", str(path)], check=True)
    house.ok("registry:push", pushed)
    assert house.json("registry:report", pushed)["tag-version"] in hub.tags("team/pushed")  # type: ignore[index]
    house.ok("registry:push", pushed, "v1")
    assert "1" in hub.tags("team/pushed")
    newest = hub.get("team/pushed/manifests/newest", accept=OCI).content
    assert newest != hub.get("team/pushed/manifests/1", accept=OCI).content


def test_another_tool_runs_what_was_pushed(house: Instance, hub: Registry, pushed: str):
    done = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--creds", f"{hub.user}:{hub.password}",
         f"docker://{hub.server}/team/pushed:1"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["Os"] == "linux"
    assert len(found["Layers"]) == 2


def test_an_app_is_deployed_from_a_private_registry(house: Instance, hub: Registry, pushed: str):
    house.ok("apps:create", "pulled")
    text = house.ok("git:from-image", "pulled", f"{hub.server}/team/pushed:1")
    assert "Pulling" in text
    assert house.get("pulled").text == "one"
    again = house.ok("git:from-image", "pulled", f"{hub.server}/team/pushed:1")
    assert "nothing to deploy" in again
    assert "Unpacking" not in again
    house.ok("git:from-image", "pulled", f"{hub.server}/team/pushed:2")
    assert house.get("pulled").text == "two"


def test_dockers_own_form_keeps_its_healthcheck(house: Instance, hub: Registry, pushed: str):
    archive = hub.root / "sick.tar"
    check = {"Test": ["CMD-SHELL", "echo I am not well; exit 1"], "Interval": 10**8, "Retries": 1}
    archive.write_bytes(images.archive(Healthcheck=check))
    subprocess.run(
        ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", "--format", "v2s2",
         "--dest-creds", f"{hub.user}:{hub.password}", f"docker-archive:{archive}",
         f"docker://{hub.server}/team/sick:1"],
        check=True, timeout=60,
    )  # fmt: skip
    house.ok("apps:create", "sick")
    done = house.paas("git:from-image", "sick", f"{hub.server}/team/sick:1")
    assert done.returncode == 1
    assert "HEALTHCHECK" in done.stderr.decode()
    assert "I am not well" in done.stdout.decode() + done.stderr.decode()


def test_an_image_whose_layers_are_lost_comes_back_from_the_registry(
    house: Instance, hub: Registry, pushed: str
):
    layers = house.json("releases:info", pushed)["layers"]  # type: ignore[index]
    before = house.get(pushed).text
    house.ok("apps:create", "lost")
    for key in ("server", "push-on-release"):
        house.ok("registry:set", "lost", key, hub.server if key == "server" else "true")
    house.repository("lost").deploy({"index.html": "static page"})
    lost = house.json("releases:info", "lost")["layers"]  # type: ignore[index]
    house.stop()
    for layer in (*layers[1:], *lost):
        shutil.rmtree(house.settings.state_dir / "layers" / layer, ignore_errors=True)
    house.start()
    house.ok("config:set", pushed, "A=1")
    text = house.ok("config:set", "lost", "A=1")
    assert "Pulling" in text
    assert house.get(pushed).text == before
    assert house.get("lost").text == "static page"


def test_a_dockerfile_begins_with_a_private_image(house: Instance, hub: Registry, pushed: str):
    house.ok("apps:create", "based")
    repository = house.repository("based")
    digest = hub.get("team/pushed/manifests/1", accept=OCI).headers["Docker-Content-Digest"]
    for number, name in enumerate(("team/pushed:1", f"team/pushed@{digest}")):
        repository.deploy(
            {"Dockerfile": f"FROM {hub.server}/{name}\nRUN echo {number} > /www/index.html\n"}
        )
        assert house.get("based").text == f"{number}\n"


def test_a_wrong_password_is_told_at_once_and_kept_nowhere(house: Instance, hub: Registry):
    done = house.paas("registry:login", "--global", "--password-stdin", hub.server, "pusher",
                      stdin=b"wrong-word\n")  # fmt: skip
    assert done.returncode == 1
    assert "wants a login that it accepts" in done.stderr.decode()
    assert "wrong-word" not in done.stderr.decode() + house.daemon_log()


def test_an_apps_own_login_goes_before_and_its_images_are_its_own(
    house: Instance, hub: Registry, pushed: str
):
    house.ok("registry:logout", "--global", hub.server)
    house.ok("apps:create", "owner")
    house.ok("apps:create", "other")
    house.ok("registry:login", "owner", "--password-stdin", hub.server, hub.user,
             stdin=hub.password.encode())  # fmt: skip
    house.ok("git:from-image", "owner", f"{hub.server}/team/pushed:stable")
    assert house.get("owner").text == "two"
    done = house.paas("git:from-image", "other", f"{hub.server}/team/pushed:stable")
    assert done.returncode == 1
    assert "wants a login" in done.stderr.decode()
    rows = house.json("images:list")
    (mine,) = [row for row in rows if row["name"].endswith("team/pushed:stable")]  # type: ignore[union-attr]
    assert mine["app"] == "owner"
    repository = house.repository("other")
    text = repository.fail({"Dockerfile": f"FROM {hub.server}/team/pushed:stable\nCMD true\n"})
    assert "cannot be pulled" in text
    house.ok("registry:logout", "owner", hub.server)
    assert house.paas("registry:logout", "owner", hub.server).returncode == 1


def test_a_failed_push_is_told_and_stops_nothing(house: Instance, hub: Registry, pushed: str):
    done = house.paas("git:load-image", pushed, "x:3", stdin=images.archive("three"))
    assert done.returncode == 0, done.stderr.decode()
    assert house.get(pushed).text == "three"
    said = done.stderr.decode()
    assert "serves, but was not pushed" in said
    assert "wants a login" in said
    assert "registry:push pushed v" in said
    assert "failed" in house.ok("events", "--app", pushed, "-n", "3")


def test_a_registry_that_is_not_there_is_asked_again_and_then_told(
    house: Instance, hub: Registry, pushed: str
):
    house.ok("registry:set", pushed, "server", f"{hub.address}:5001")
    done = house.paas("registry:push", pushed)
    assert done.returncode == 1
    said = done.stdout.decode() + done.stderr.decode()
    assert "once more in" in said
    assert "does not answer" in said


def test_no_password_is_in_argv_logs_or_files(house: Instance, hub: Registry):
    root = house.settings.state_dir
    for path in (*root.glob("*"), *root.glob("builds/**/*"), house.root / "paasd.log"):
        if path.is_file():
            assert hub.password.encode() not in path.read_bytes(), path
    assert not list(house.settings.run_dir.glob("builds/*"))


@pytest.mark.parametrize(
    "words",
    [("registry:login", "--global", "a"), ("registry:login", "x", "y", "z", "w", "v"),
     ("registry:set", "pushed", "server", "a b"), ("registry:set", "pushed", "image-repo", "A/b"),
     ("registry:set", "pushed", "image-repo", "host.io/x:1"),
     ("registry:set", "pushed", "push-extra-tags", "a,/b"),
     ("registry:set", "--global", "image-repo-template", "{{ .Other }}"),
     ("registry:login", "--global", "--password-stdin", "-x/y", "u")],
)  # fmt: skip
def test_wrong_words_are_refused(house: Instance, pushed: str, words: tuple[str, ...]):
    assert house.paas(*words, stdin=b"secret\n").returncode in (1, 2)
    assert Path(house.settings.state_dir).is_dir()
