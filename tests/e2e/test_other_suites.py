"""A stack of another suite of Debian than the usual one, from the real mirror, and apps on it."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import own_settings
from tests.e2e.instance import Instance, running
from tests.e2e.samples import PLAIN, SERVER
from tests.e2e.test_third_party import pack

# from nothing: two hundred packages unpacked, so minutes where others have the processors
MAKING_S = 900
pytestmark = pytest.mark.timeout(2 * MAKING_S)
WHERE = ". /etc/os-release; echo $VERSION_CODENAME"
FLASK = """
import sys
from flask import Flask
from markupsafe import _speedups

app = Flask(__name__)

@app.get("/")
def page():
    return f"{sys.version_info.minor} {_speedups.__name__}"
"""
APPS = {
    "page": {"index.html": "static"},
    "wheel": {
        "requirements.txt": "flask==3.1.2\nmarkupsafe==3.0.2\ngunicorn==23.0.0\n",
        "app.py": FLASK,
        "Procfile": "web: gunicorn app:app\n",
    },
    "script": {"index.php": "<?php echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION;\n"},
    "packaged": {**PLAIN, "Aptfile": "figlet\n"},
    "foreign": {"server.py": SERVER, "hello.txt": "x"},
}
PAGES = {
    "page": "static",
    "wheel": "11 markupsafe._speedups",
    "script": "8.2",
    "packaged": "hello",
    "foreign": "bookworm\n",
}


def made(platform: Instance, name: str, definition: str) -> str:
    return platform.ok("stack:build", name, "-", stdin=definition.encode(), timeout_s=MAKING_S)


def refused(platform: Instance, definition: str) -> str:
    """Why a stack cannot be made; nothing of it is left."""
    folder = platform.settings.state_dir / "layers"
    before = sorted(folder.glob("stack-*"))
    done = platform.paas("stack:build", "never", "-", stdin=definition.encode(), timeout_s=MAKING_S)
    assert done.returncode == 1, done.stdout
    assert sorted(folder.glob("stack-*")) == before
    assert list((folder / "building").iterdir()) == []
    assert f"{folder}/building" not in Path("/proc/self/mountinfo").read_text()
    found: Any = platform.json("stack:list")
    assert "never" not in {one["name"] for one in found}
    return done.stderr.decode()


def suite_of(platform: Instance, app: str) -> str:
    return platform.ok("run", app, "--", "sh", "-c", WHERE).strip()


@pytest.fixture(scope="module")
def older(platform: Instance) -> str:
    said = made(platform, "older", 'suite = "bookworm"\n')
    assert "Asking Debian for the packages of bookworm" in said
    assert "paas buildpacks:set-property APP stack older" in said
    return "older"


@pytest.fixture(scope="module")
def apps(platform: Instance, older: str) -> list[str]:
    """One app of each kind, built on it."""
    folder = Path(platform.settings.buildpack_dirs[0]) / "where"
    for name, text in pack(f"$({WHERE})").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for app, files in APPS.items():
        platform.ok("apps:create", app)
        platform.ok("buildpacks:set-property", app, "stack", older)
        if app == "foreign":
            platform.ok("buildpacks:set", app, str(folder))
        platform.repository(app).deploy(files)
    return list(APPS)


def test_apps_of_every_kind_are_built_and_run_on_it(platform: Instance, apps: list[str]):
    assert {app: platform.get(app).text for app in apps} == PAGES
    assert {suite_of(platform, app) for app in apps} == {"bookworm"}
    found: Any = platform.json("stack:list")
    rows = {one["name"]: (one["suite"], one["apps"]) for one in found}
    assert rows["older"] == ("bookworm", len(apps))
    packages: Any = platform.json("stack:info", "older")
    assert packages["packages"]["python3:amd64"].startswith("3.11.")
    bill = platform.ok("releases:sbom", "wheel")
    assert "distro=bookworm" in bill
    assert "distro=trixie" not in bill


def test_a_new_definition_is_a_layer_over_what_is_made_and_apps_move_onto_it(
    platform: Instance, apps: list[str]
):
    before = set((platform.settings.state_dir / "layers").glob("stack-*"))
    said = made(platform, "older", 'suite = "bookworm"\nrun = ["tree"]\nbuild = ["gperf"]\n')
    assert "Fetching uv and Node" not in said
    new = set((platform.settings.state_dir / "layers").glob("stack-*")) - before
    assert len(new) == 2
    assert sum(f.lstat().st_size for one in new for f in one.rglob("*")) < 64 << 20
    for app in ("wheel", "packaged"):
        platform.ok("stack:rebase", app)
        assert platform.get(app).text == PAGES[app]
    assert "tree v" in platform.ok("run", "wheel", "--", "tree", "--version")
    assert "older is up to date" in platform.ok("stack:update", "older", timeout_s=MAKING_S)


def test_an_app_goes_back_to_the_usual_stack_by_being_built_again(
    platform: Instance, apps: list[str]
):
    platform.ok("buildpacks:set-property", "wheel", "stack")
    platform.ok("ps:rebuild", "wheel")
    assert suite_of(platform, "wheel") == "trixie"
    assert platform.get("wheel").text == "13 markupsafe._speedups"
    assert b"is the stack of" in platform.paas("stack:remove", "older").stderr
    for app in apps:
        platform.ok("buildpacks:set-property", app, "stack")
    platform.ok("stack:remove", "older")
    platform.ok("ps:restart", "foreign")
    assert platform.get("foreign").text == PAGES["foreign"]


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ('suite = "bookwurm"', "/debian has no bookwurm"),
        ('suite = "bookworm"\nbuild = ["no-such-package"]', "has no package no-such-package"),
        ('suite = "bullseye"', "no stack can be made of bullseye"),
        ('run = ["postfix", "exim4-daemon-light"]', "cannot be installed together"),
        ("suite = bookworm", "not valid TOML"),
    ],
)
def test_what_cannot_be_made_is_told_at_once_and_leaves_nothing(
    platform: Instance, definition: str, words: str
):
    assert words in refused(platform, definition)


def test_a_mirror_that_is_away_is_named_and_has_no_news_to_tell():
    with running(own_settings(), {"http_proxy": "http://127.0.0.1:9"}) as platform:
        for suite in ("bookworm", "trixie"):
            said = refused(platform, f'suite = "{suite}"')
            assert "Debian's mirror did not give http" in said
            assert "127.0.0.1:9" in said
        failed = platform.paas("stack:update")
        assert failed.returncode == 1
        assert b"Debian's mirror did not give" in failed.stderr
