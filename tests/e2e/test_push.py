"""git push deploys: real git, real build containers, real nginx."""

import time
from pathlib import Path

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN, WITH_WORKER

APPS = Path(__file__).resolve().parents[1] / "apps"


def test_a_flask_app_is_built_from_its_requirements_and_answers_on_its_domain(platform: Instance):
    output = platform.repository("flask", APPS / "flask").deploy()
    assert "-----> Python app detected" in output
    assert "=====> Application deployed:" in output
    assert f"http://flask.localhost:{platform.settings.http_port}" in output
    answer = platform.get("flask")
    assert (answer.status_code, answer.text) == (200, "Hello from Flask\n")


def test_a_second_push_reuses_the_dependency_layer(platform: Instance):
    repository = platform.repository("again", APPS / "flask")
    first = repository.deploy()
    layers = [set(info["layers"]) for info in [releases_info(platform, "again")]]
    second = repository.deploy({"extra.txt": "changed"})
    layers.append(set(releases_info(platform, "again")["layers"]))
    kept = {layer for layer in layers[0] & layers[1] if "dependencies" in layer}
    assert kept
    assert "Installing dependencies" in first
    assert "Installing" not in second


def releases_info(platform: Instance, app: str) -> dict:
    return platform.json("releases:info", app)


def test_a_django_app_serves_its_page_and_its_collected_static_files(platform: Instance):
    output = platform.repository("django", APPS / "django").deploy()
    assert "collectstatic" in output
    assert platform.get("django").status_code == 200


def test_an_express_app_is_installed_from_its_lockfile_and_answers(platform: Instance):
    output = platform.repository("express", APPS / "express").deploy()
    assert "-----> Node.js app detected" in output
    assert platform.get("express").status_code == 200


def test_a_static_site_is_served_compressed_with_cache_headers(platform: Instance):
    platform.repository("site", APPS / "static").deploy()
    answer = platform.get("site")
    assert answer.status_code == 200
    assert "no-cache" in answer.headers["Cache-Control"]
    platform.get("site", "/look-for-this")
    deadline = time.monotonic() + 60
    while "look-for-this" not in platform.ok("logs", "site") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "GET /look-for-this" in platform.ok("logs", "site")


def test_an_app_with_only_a_procfile_runs(platform: Instance):
    platform.repository("plain").deploy(PLAIN)
    assert platform.get("plain").text == "hello"
    assert platform.get("plain", "/env/PORT").text == "5000"
    assert platform.get("plain", "/env/DYNO").text == "web.1"


def test_a_new_push_replaces_the_old_version_without_a_failed_request(platform: Instance):
    repository = platform.repository("swap")
    repository.deploy({**PLAIN, "page.txt": "one"})
    assert platform.get("swap").text == "one"
    repository.deploy({"page.txt": "two"})
    assert platform.get("swap").text == "two"


def test_workers_run_beside_web_once_scaled(platform: Instance):
    platform.repository("crew").deploy(WITH_WORKER)
    platform.ok("ps:scale", "crew", "worker=1")
    deadline = time.monotonic() + 60
    while "tick" not in platform.ok("logs", "crew", "-p", "worker") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "worker.1" in platform.ok("logs", "crew", "-p", "worker")
    assert platform.get("crew").status_code == 200


def test_another_branch_is_stored_with_a_line_that_says_what_deploys(platform: Instance):
    repository = platform.repository("branches")
    repository.commit(PLAIN)
    done = repository.push("main:feature")
    assert done.returncode == 0
    assert (
        b"feature was stored but not deployed: branches deploys from main or master" in done.stderr
    )
    assert platform.get("branches").status_code != 200
    platform.ok("git:set", "branches", "deploy-branch", "feature")
    repository.deploy_to = "feature"
    repository.commit({"page.txt": "from feature"})
    done = repository.push("main:feature")
    assert done.returncode == 0, done.stderr
    assert platform.get("branches").text == "from feature"


def test_tags_and_deletes_are_refused(platform: Instance):
    repository = platform.repository("tags")
    repository.deploy(PLAIN)
    repository.git("tag", "v1")
    assert b"tags are not deployed" in repository.push("v1").stderr
    deleted = repository.push(":main")
    assert deleted.returncode != 0
    assert platform.get("tags").status_code == 200


def test_app_json_sets_secrets_formation_and_runs_its_scripts(platform: Instance):
    manifest = """{
      "env": {"SECRET_KEY": {"generator": "secret"}, "MODE": {"value": "small"}},
      "formation": {"web": {"quantity": 2}},
      "scripts": {"dokku": {"predeploy": "echo made > made.txt", "postdeploy": "echo after"}}
    }"""
    output = platform.repository("manifest").deploy({**PLAIN, "app.json": manifest})
    assert "predeploy" in output
    assert len(platform.get("manifest", "/env/SECRET_KEY").text) >= 32
    assert platform.get("manifest", "/env/MODE").text == "small"
    assert "web.2" in platform.ok("ps:report", "manifest")
    assert "made" in platform.ok("run", "manifest", "cat", "made.txt")


def test_what_app_json_sets_is_taken_back_with_a_deploy_that_fails(platform: Instance):
    repository = platform.repository("takenback")
    declared = '"env": {"MODE": {"value": "%s", "sync": true}, "TOKEN": {"generator": "secret"}}'
    failing = '"scripts": {"dokku": {"predeploy": "exit 3"}}'
    first = {**PLAIN, "app.json": f"{{{declared % 'one'}, {failing}}}"}
    assert "exited with code 3" in repository.fail(first)
    assert platform.ok("config:keys", "takenback").split() == []
    repository.deploy({"app.json": f"{{{declared % 'two'}}}"})
    assert platform.ok("config:get", "takenback", "MODE") == "two\n"
    token = platform.ok("config:get", "takenback", "TOKEN")
    repository.fail({"app.json": f"{{{declared % 'three'}, {failing}}}"})
    assert platform.ok("config:get", "takenback", "MODE") == "two\n"
    assert platform.ok("config:get", "takenback", "TOKEN") == token
    assert platform.get("takenback", "/env/MODE").text == "two"


def test_a_release_task_runs_in_the_new_image_before_the_switch(platform: Instance):
    repository = platform.repository("tasks")
    good = {**PLAIN, "Procfile": "release: echo migrating\nweb: python3 server.py\n"}
    assert "migrating" in repository.deploy({**good, "page.txt": "old"})
    bad = {"Procfile": "release: echo no; exit 4\nweb: python3 server.py\n", "page.txt": "new"}
    output = repository.fail(bad)
    assert "the release task exited with code 4" in output
    assert platform.get("tasks").text == "old"
