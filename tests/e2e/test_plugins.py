"""Plugins on a whole platform: real pushes, real containers, and the way back by the local door."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.instance import REPOSITORY, Instance
from tests.e2e.samples import PLAIN
from tests.plugins.conftest import script, write

FREEZE = REPOSITORY / "docs" / "plugins" / "freeze"
Install = Callable[..., Path]


@pytest.fixture
def install(platform: Instance, tmp_path: Path) -> Iterator[Install]:
    """Install plugins, here or made of files; where their own folders are."""
    names: list[str] = []

    def by_files(name: str, **files: str) -> Path:
        named = {key.replace("_", "-"): text for key, text in files.items()}
        folder = write(tmp_path / name, named) if files else FREEZE
        platform.ok("plugin:install", str(folder))
        names.append(name)
        return platform.settings.state_dir / "plugins" / "data" / name

    yield by_files
    for name in names:
        platform.ok("plugin:uninstall", name)


def events(platform: Instance, app: str) -> list[tuple[str, str, str]]:
    lines = platform.ok("events", "--app", app, "--format", "json").splitlines()
    return [(one["actor"], one["result"], one["detail"]) for one in map(json.loads, lines)]


def test_the_example_freezes_deploys_and_thaws_them(platform: Instance, install: Install):
    install("freeze")
    repository = platform.repository("frozen")
    repository.deploy({**PLAIN, "page.txt": "first"})
    said = platform.ssh("freeze:on", "inventory")
    assert said.stdout.decode() == "-----> Deploys are refused from now on\n"
    refused = repository.fail({"page.txt": "second"})
    assert "no deploys for now: inventory (tester)" in refused
    assert "plugin freeze: trigger receive-app failed with 1 after" in refused
    assert (
        "plugin freeze: trigger pre-deploy"
        in platform.paas("config:set", "frozen", "A=1").stderr.decode()
    )
    assert platform.get("frozen").text == "first"
    assert platform.ssh("freeze:off").returncode == 0
    repository.deploy({"page.txt": "third"})
    assert platform.get("frozen").text == "third"
    shown = platform.ssh("freeze").stdout.decode()
    assert "Deploys are taken" in shown
    assert "frozen v1" in shown
    called = [detail.split()[0] for actor, _, detail in events(platform, "frozen")
              if actor == "plugin:freeze"]  # fmt: skip
    assert called[:3] == ["receive-app", "pre-deploy", "post-deploy"]


def test_the_triggers_of_a_deploy_come_in_order_with_what_they_are_about(
    platform: Instance, install: Install
):
    names = ("post-create", "receive-branch", "receive-app", "pre-build", "pre-build-buildpack",
             "post-build", "pre-release-builder", "post-release-builder", "pre-deploy",
             "check-deploy", "post-deploy", "pre-delete", "post-delete")  # fmt: skip
    files = dict.fromkeys(names, script('echo "${0##*/} $@" >> $HOME/seen'))
    data = install("watch", **files)
    repository = platform.repository("watched")
    repository.deploy(PLAIN)
    commit = repository.git("rev-parse", "HEAD").stdout.decode().strip()
    platform.ok("apps:destroy", "watched", "--force")
    seen = [line.split() for line in (data / "seen").read_text().splitlines()]
    assert [one[0] for one in seen] == list(names)
    by_name = {one[0]: one[1:] for one in seen}
    assert by_name["receive-branch"] == ["watched", commit, "refs/heads/main"]
    assert by_name["pre-build"] == ["herokuish", "watched"]
    assert by_name["pre-deploy"] == ["watched", "v1"]
    app, container, process, port, address = by_name["check-deploy"]
    assert (app, process, port) == ("watched", "web", "5000")
    assert by_name["post-deploy"] == ["watched", "5000", address, "v1"]
    assert len(container) > 5


def test_a_plugin_that_refuses_a_healthy_container_leaves_the_old_version_serving(
    platform: Instance, install: Install
):
    repository = platform.repository("picky")
    repository.deploy({**PLAIN, "page.txt": "first"})
    look = "import urllib.request, sys; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    body = f"[ \"$(python3 -c '{look}' http://$5:$4)\" != second ]"
    install("picky", check_deploy=script(body))
    assert "plugin picky: trigger check-deploy failed with 1" in repository.fail(
        {"page.txt": "second"}
    )
    assert platform.get("picky").text == "first"
    repository.deploy({"page.txt": "third"})
    assert platform.get("picky").text == "third"


def test_a_plugin_calls_back_while_a_deploy_is_under_way(platform: Instance, install: Install):
    install(
        "helper",
        post_create=script("dokku config:set --no-restart $1 MADE=by-plugin"),
        post_deploy=script("dokku ps:scale $1 worker=1 && dokku ps:report $1"),
    )
    text = platform.repository("helped").deploy(
        {**PLAIN, "Procfile": "web: python3 server.py\nworker: sleep 1000\n"}
    )
    assert platform.get("helped", "/env/MADE").text == "by-plugin"
    assert platform.json("ps:scale", "helped") == [
        {"process_type": "web", "quantity": 1}, {"process_type": "worker", "quantity": 1},
    ]  # fmt: skip
    assert "failed with" not in text
    actors = {actor for actor, _, detail in events(platform, "helped") if "MADE" in detail}
    assert actors == {"plugin:helper"}


def test_pushes_and_fetches_are_asked_about_by_the_name_of_the_key(
    platform: Instance, install: Install
):
    repository = platform.repository("guarded")
    repository.deploy(PLAIN)
    data = install("guard", user_auth=script(
        'echo "$@" >> $HOME/asked; case "$3" in git-receive-pack) echo not now; exit 1;; esac'
    ))  # fmt: skip
    text = repository.fail({"page.txt": "second"})
    assert "plugin guard: trigger user-auth failed with 1" in text
    assert repository.git("fetch", "paas").returncode == 0
    asked = (data / "asked").read_text().splitlines()
    assert asked == [
        "ssh tester git-receive-pack 'guarded'",
        "ssh tester git-upload-pack 'guarded'",
    ]


def test_plugins_are_called_again_after_a_restart_of_the_daemon(
    platform: Instance, install: Install
):
    install("keeps", post_stop=script("echo still here"))
    platform.stop()
    platform.start()
    assert platform.ok("plugin:trigger", "post-stop") == "still here\n"
