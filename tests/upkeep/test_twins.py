"""Apps with equal dependencies share one layer from their first deploy on, and part again."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import own_settings
from tests.e2e.instance import Instance, running

APP = """
import http.server, os, sys
import six
body = f"{six.__version__} {open('page.txt').read()}".encode()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
FILES = {"app.py": APP, "requirements.txt": "six==1.16.0\n", "Procfile": "web: python app.py\n"}


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    settings = own_settings(boot_timeout_s=20.0, drain_s=0.3, stop_grace_s=2.0, check_wait_s=0.2)
    with running(settings) as made:
        yield made


def dependency_layers(instance: Instance) -> dict[str, bool]:
    """Ids of dependency layers, and whether they have files of their own."""
    found = (instance.settings.state_dir / "layers").glob("python-dependencies-*")
    return {path.name: (path / "files").is_dir() for path in found}


def layer_of(instance: Instance, app: str) -> str:
    layers = instance.json("releases:info", app)["layers"]
    return next(one for one in layers if one.startswith("python-dependencies-"))


def until_gone(path: Path) -> None:
    import time

    deadline = time.monotonic() + 60
    while path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_equal_dependencies_are_stored_once_from_the_first_deploy_on(instance: Instance):
    for app in ("one", "two", "three"):
        instance.repository(app).deploy({**FILES, "page.txt": app})
    layers = instance.settings.state_dir / "layers"
    first, *others = (layer_of(instance, app) for app in ("one", "two", "three"))
    for other in others:
        until_gone(layers / other / "files")
    assert dependency_layers(instance) == {first: True, others[0]: False, others[1]: False}
    for app in ("one", "two", "three"):
        assert instance.get(app).text == f"1.16.0 {app}"
    listed = {one["app"]: one for one in instance.json("disk")["apps"]}
    assert listed["two"]["own_bytes"] < 100_000 < listed["two"]["shared_bytes"]
    assert instance.json("disk")["shared_bytes"] > 1 << 20


def test_a_layer_grows_out_of_one_whose_files_are_anothers(instance: Instance):
    """What was not changed gets a second name; owners are the same for all apps."""
    repository = instance.repository("growing")
    repository.deploy({**FILES, "page.txt": "old"})
    assert not dependency_layers(instance)[layer_of(instance, "growing")]
    said = repository.deploy({"requirements.txt": "six==1.16.0\nidna==3.7\n", "page.txt": "new"})
    assert "+ idna==3.7" in said
    assert "six" not in said.partition("Installed")[2].partition("\n")[0]
    assert instance.get("growing").text == "1.16.0 new"
    grown = instance.settings.state_dir / "layers" / layer_of(instance, "growing") / "files"
    module = next(grown.rglob("six.py"))
    assert module.stat().st_nlink > 1
    assert module.stat().st_uid == instance.settings.common_uids + 1000


def test_the_files_outlive_the_app_that_made_them(instance: Instance):
    first = layer_of(instance, "one")
    instance.ok("apps:destroy", "--force", "one")
    instance.ok("gc", "--all")
    assert dependency_layers(instance)[first]
    for app in ("two", "three"):
        instance.ok("ps:restart", app)
        assert instance.get(app).text == f"1.16.0 {app}"
    for app in ("two", "three", "growing"):
        instance.ok("apps:destroy", "--force", app)
    said = json.loads(instance.ok("gc", "--format", "json"))
    assert first in [one["name"] for one in said["freed"]]
    assert dependency_layers(instance) == {}
    assert os.listdir(instance.settings.state_dir / "cache") == []
