"""Running containers: listed, looked into, and kept as images."""

import json

import pytest

from tests.e2e import images
from tests.e2e.instance import Instance


@pytest.fixture(scope="module")
def changed(platform: Instance) -> str:
    """An app whose container has written something since it started."""
    platform.ok("apps:create", "changed")
    platform.ok("git:load-image", "changed", "x:latest", stdin=images.archive())
    line = "rm /etc/group; echo by hand > /www/index.html; mkdir /new; echo 1 > /new/one"
    platform.ok("enter", "changed", "web", "sh", "-c", line)
    assert platform.get("changed").text.strip() == "by hand"
    return "changed"


def test_containers_are_listed_with_what_they_are(platform: Instance, changed: str):
    rows = platform.json("containers:list", changed)
    assert [(row["name"], row["running"]) for row in rows] == [("web.1", True)]  # type: ignore[index]
    text = platform.ok("containers:list")
    assert "web.1" in text
    assert "running" in text


def test_what_a_container_has_changed_is_shown(platform: Instance, changed: str):
    done = platform.paas("containers:diff", changed)
    assert done.stdout.decode().splitlines()[:7] == [
        "C /etc",
        "D /etc/group",
        "A /new",
        "A /new/one",
        "C /www",
        "C /www/index.html",
        "       web.1: 2 added, 3 changed, 1 deleted; 10 B",
    ]
    rows = platform.json("containers:diff", changed, "web.1")
    assert {"kind": "A", "path": "/new/one", "bytes": 2} in rows  # type: ignore[operator]


def test_a_container_is_kept_as_an_image_and_deployed(platform: Instance, changed: str):
    text = platform.ok("containers:commit", changed, "web.1", "team/by-hand:1")
    assert "team/by-hand:1" in text
    assert platform.get(changed).text.strip() == "by hand"
    found = platform.json("images:inspect", "team/by-hand:1")
    last = found["steps"][-1]  # type: ignore[index]
    assert last["step"].startswith("changes of web.1")
    assert {one["path"] for one in last["largest"]} == {"/www/index.html", "/new/one"}
    platform.ok("apps:create", "by-hand")
    platform.ok("git:from-image", "by-hand", "team/by-hand:1")
    assert platform.get("by-hand").text.strip() == "by hand"
    listing = platform.ok("run", "by-hand", "--", "ls", "/etc", "/new")
    assert "group" not in listing
    assert "one" in listing
    assert "Commit web.1 of changed" in platform.ok("events")


def test_an_app_of_buildpacks_is_kept_with_what_it_wrote(platform: Instance):
    platform.repository("committed").deploy({"index.html": "as built"})
    platform.ok("enter", "committed", "web", "sh", "-c", "echo later > /app/index.html")
    platform.ok("containers:commit", "committed", "web", "team/kept")
    platform.ok("apps:create", "committed-again")
    text = platform.ok("git:from-image", "committed-again", "team/kept")
    assert "Application deployed" in text
    assert platform.ok("run", "committed-again", "--", "cat", "/app/index.html") == "later\n"
    inspected = json.loads(platform.ok("ps:inspect", "committed-again"))[0]
    assert inspected["running"]


def test_a_container_that_is_not_there_is_told(platform: Instance, changed: str):
    done = platform.paas("containers:diff", changed, "worker.1")
    assert done.returncode == 1
    assert "worker.1" in done.stderr.decode()
    assert platform.paas("containers:commit", changed, "web", "Not A Name").returncode == 2
