"""A new dependency costs that dependency: the layer grows out of the one before."""

import json
from pathlib import Path

from tests.e2e.instance import Instance

APP = """
import importlib, importlib.metadata, os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        names = sorted(d.name for d in importlib.metadata.distributions())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(" ".join(names).encode())

HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""
FILES = {"app.py": APP, "Procfile": "web: python app.py\n"}


def dependency_layers(platform: Instance) -> dict[str, Path]:
    found = (platform.settings.state_dir / "layers").glob("python-dependencies-*")
    return {path.name: path / "files/app/.venv" for path in found}


def module(venv: Path, name: str) -> Path:
    return next(venv.glob(f"lib/python3*/site-packages/{name}"))


def test_a_new_dependency_is_all_that_is_installed(platform: Instance) -> None:
    repository = platform.repository("grower")
    before = dependency_layers(platform)
    repository.deploy({**FILES, "requirements.txt": "click==8.1.7\nidna==3.7\n"})
    (first,) = dependency_layers(platform).keys() - before.keys()
    said = repository.deploy({"requirements.txt": "click==8.1.7\nitsdangerous==2.2.0\n"})
    assert platform.get("grower").text == "click itsdangerous"
    assert "+ itsdangerous==2.2.0" in said
    assert "- idna==3.7" in said
    assert "click" not in said
    present = dependency_layers(platform)
    (second,) = present.keys() - before.keys() - {first}
    old, new = module(present[first], "click/core.py"), module(present[second], "click/core.py")
    assert old.samefile(new)  # stored once
    assert module(present[first], "idna").is_dir()  # the old layer is as it was
    platform.ok("releases:rollback", "grower")
    assert platform.get("grower").text == "click idna"


def test_a_push_with_only_source_installs_nothing(platform: Instance) -> None:
    before = dependency_layers(platform)
    repository = platform.repository("settled")
    repository.deploy({**FILES, "requirements.txt": "idna==3.7\n"})
    made = dependency_layers(platform)
    said = repository.deploy({"app.py": APP + "# more\n"})
    assert "Installing" not in said
    assert dependency_layers(platform) == made
    assert len(made) == len(before) + 1


def test_what_cannot_grow_is_made_from_nothing(platform: Instance) -> None:
    before = dependency_layers(platform)
    repository = platform.repository("stump")
    repository.deploy({**FILES, "requirements.txt": "idna==3.6\n"})
    present = dependency_layers(platform)
    (made,) = present.keys() - before.keys()
    (present[made] / "bin/python").unlink()  # what the next layer would grow out of is broken
    said = repository.deploy({"requirements.txt": "idna==3.6\nclick==8.1.7\n"})
    assert "Once more, from nothing" in said
    assert platform.get("stump").text == "click idna"


def test_a_mistake_in_the_files_is_told_once(platform: Instance) -> None:
    repository = platform.repository("twice")
    repository.deploy({**FILES, "requirements.txt": "idna==3.7\n"})
    said = repository.fail({"requirements.txt": "idna==99\n"})
    assert "there is no release of idna==99" in said
    assert "Once more" not in said
    assert platform.get("twice").text == "idna"


def npm(packages: dict[str, str], tools: dict[str, str]) -> dict[str, str]:
    """package.json and the lock file npm would write for packages that need no others."""
    asked = {"dependencies": packages, "devDependencies": tools}
    entries = {
        f"node_modules/{name}": {"version": version, **({"dev": True} if name in tools else {})}
        for name, version in {**packages, **tools}.items()
    }
    scripts = {"build": "cp node_modules/semver/package.json built.json", "start": "node server.js"}
    lock = {"lockfileVersion": 3, "requires": True, "packages": {"": asked, **entries}}
    return {
        "package.json": json.dumps({"name": "tree", "scripts": scripts, **asked}),
        "package-lock.json": json.dumps({"name": "tree", **lock}),
    }


SERVER = """
const names = require("fs").readdirSync("node_modules").filter((name) => !name.startsWith("."));
require("http").createServer((q, r) => r.end(names.join(" "))).listen(process.env.PORT);
"""


def test_packages_for_the_build_grow_out_of_those_for_the_app(platform: Instance) -> None:
    repository = platform.repository("tree")
    tools = {"semver": "7.7.2"}
    repository.deploy({**npm({"ms": "2.1.3"}, tools), "server.js": SERVER})
    assert platform.get("tree").text == "ms"
    said = repository.deploy(npm({"ms": "2.1.3", "clsx": "2.1.1"}, tools))
    assert said.count("added 1 package") == 2  # to either layer
    assert platform.get("tree").text == "clsx ms"
    layers = platform.settings.state_dir / "layers"
    found = [
        path
        for kind in ("dependencies", "build-dependencies")
        for path in layers.glob(f"nodejs-{kind}-*/files/app/node_modules/ms/index.js")
    ]
    assert len(found) == 4
    assert len({path.stat().st_ino for path in found}) == 1  # one file for all four
