"""Apps with Debian packages of their own, moved onto a newer snapshot of their stack and back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.buildpacks import debs
from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN
from tests.e2e.world import World

STACK = "mended"


def make(platform: Instance, *packages: str) -> None:
    """A snapshot of the stack with these."""
    said = platform.ok("stack:build", STACK, stdin=f"run = {json.dumps(packages)}\n".encode())
    assert "the next builds take it" in said


def layers(platform: Instance, app: str) -> list[str]:
    found: Any = platform.json("releases:info", app)
    return list(found["layers"])


def prints(platform: Instance, app: str, *argv: str) -> str:
    return platform.ok("run", app, "--", *argv).strip()


def debian_packages(platform: Instance, app: str) -> dict[str, str]:
    """Versions by name, of the bill of materials."""
    bill = json.loads(platform.ok("releases:sbom", app))
    found = [one for one in bill["components"] if one["purl"].startswith("pkg:deb/")]
    return {one["name"]: one["version"] for one in found}


def noted(platform: Instance, app: str) -> list[str]:
    """What provenance says of the app's own packages."""
    statement = json.loads(platform.ok("releases:provenance", app))
    definition = statement["predicate"]["buildDefinition"]
    assert [one["key"] for one in definition["internalParameters"]["layers"]] == layers(
        platform, app
    )
    (own,) = (
        one for one in definition["resolvedDependencies"] if "debian-run-packages-" in one["uri"]
    )
    assert own["uri"].rpartition(":")[2] in layers(platform, app)
    return list(own["annotations"]["packages"])


@pytest.fixture(scope="module")
def pool(world: World) -> Path:
    """A repository of ours beside Debian's, with one package, which needs `hello`."""
    place = world.root / "any" / "apt"
    debs.publish(place, "1.0", needs="hello")
    return place


@pytest.fixture(scope="module")
def app(platform: Instance, world: World, pool: Path) -> str:
    """An app with figlet and that package, and newer ones of all below it since."""
    make(platform, "tree")
    platform.ok("apps:create", "lettered")
    platform.ok("buildpacks:set-property", "lettered", "stack", STACK)
    aptfile = f":repo:{debs.LINE.format(f'{world.url}/apt')}\nfiglet\n{debs.NAME}\n"
    platform.repository("lettered").deploy({**PLAIN, "Aptfile": aptfile})
    debs.publish(pool, "1.1", needs="hello")
    make(platform, "tree", "less")
    return "lettered"


def test_its_packages_are_made_anew_for_the_new_snapshot_and_a_rollback_goes_back(
    platform: Instance, app: str
):
    before = layers(platform, app)
    assert before[2].startswith("debian-run-packages-")
    assert prints(platform, app, "tool") == "set up 1.0"
    said = platform.ok("stack:rebase", app)
    assert f"Looking up figlet, {debs.NAME} in Debian" in said
    assert f"Installing figlet, {debs.NAME} (3 Debian packages)" in said
    assert said.index("All checks successful (web.1)") > said.index("Installing figlet")
    assert platform.get(app).text == "hello"
    after = layers(platform, app)
    assert (after[:1], after[3:]) == (before[:1], before[3:])
    assert after[1] != before[1]
    assert after[2] != before[2]
    assert after[2].startswith("debian-run-packages-")
    assert prints(platform, app, "tool") == "set up 1.1"
    assert prints(platform, app, "/app/.apt/usr/bin/figlet", "-I0")
    assert prints(platform, app, "less", "--version").startswith("less ")
    platform.ok("releases:rollback", app)
    assert layers(platform, app) == before
    assert prints(platform, app, "tool") == "set up 1.0"
    again = platform.ok("stack:rebase", app)
    assert "Installing" not in again
    assert layers(platform, app) == after


def test_bill_and_provenance_tell_the_new_packages(platform: Instance, app: str):
    found = debian_packages(platform, app)
    assert found[debs.NAME] == "1.1"
    assert {"figlet", "less", "tree"} <= found.keys()
    files = noted(platform, app)
    assert "tool_1.1_all.deb" in files
    assert any(one.startswith(f"figlet_{found['figlet']}") for one in files)


def test_the_next_push_has_the_very_packages_of_the_rebase(platform: Instance, app: str):
    before = layers(platform, app)
    build: Any = platform.json("builds:info", app)
    assert (build["source"], build["status"]) == ("stack:rebase", "succeeded")
    platform.ok("ps:rebuild", app)
    assert layers(platform, app)[:3] == before[:3]


def test_newer_packages_come_also_where_the_stack_is_the_newest_already(
    platform: Instance, app: str, pool: Path
):
    before = layers(platform, app)
    assert "already" in platform.ok("stack:rebase", app)
    assert layers(platform, app) == before
    debs.publish(pool, "1.1.1", needs="hello")
    said = platform.ok("stack:rebase", app)
    assert f"Installing figlet, {debs.NAME} (3 Debian packages)" in said
    after = layers(platform, app)
    assert (after[:2], after[3:]) == (before[:2], before[3:])
    assert prints(platform, app, "tool") == "set up 1.1.1"
    platform.ok("ps:rebuild", app)
    assert layers(platform, app)[:3] == after[:3]


def test_packages_without_what_came_with_them_before_are_refused_and_the_app_stays(
    platform: Instance, app: str, pool: Path
):
    before = layers(platform, app)
    debs.publish(pool, "1.2", needs="figlet")
    make(platform, "tree", "less", "sl")
    failed = platform.paas("stack:rebase", app)
    assert failed.returncode == 1
    assert f"{app} cannot be rebased onto {STACK}: it lacks hello".encode() in failed.stderr
    assert f"paas ps:rebuild {app}".encode() in failed.stderr
    assert layers(platform, app) == before
    assert prints(platform, app, "tool") == "set up 1.1.1"
    assert platform.get(app).text == "hello"


def test_packages_that_there_are_no_more_are_named(platform: Instance, app: str, pool: Path):
    before = layers(platform, app)
    debs.publish(pool, "1.3", name="paas-other-tool")
    failed = platform.paas("stack:rebase", app)
    assert failed.returncode == 1
    words = f"{app} cannot be rebased onto {STACK}: Debian has no package named {debs.NAME}"
    assert words.encode() in failed.stderr
    assert layers(platform, app) == before
    assert platform.get(app).text == "hello"
