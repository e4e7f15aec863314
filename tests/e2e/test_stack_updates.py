"""Stacks made again, with real packages from Debian, and apps moved onto them and back."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.instance import REPOSITORY, Instance
from tests.e2e.samples import PLAIN
from tests.faults.stage import until

# refuses to run beside `less`
PICKY = {**PLAIN, "Procfile": "web: command -v less && exit 1; exec python3 server.py\n"}


def make(platform: Instance, *packages: str) -> str:
    text = f"run = {list(packages)}\n".replace("'", '"')
    return platform.ok("stack:build", "extra", stdin=text.encode())


def layers(platform: Instance, app: str) -> list[str]:
    found: Any = platform.json("releases:info", app)
    return list(found["layers"])


def has(platform: Instance, app: str, program: str) -> bool:
    return platform.paas("run", app, "--", "sh", "-c", f"command -v {program}").returncode == 0


@pytest.fixture(scope="module")
def extra(platform: Instance) -> str:
    """An app on a stack of its own, of which a second snapshot has been made since."""
    assert "extra" in make(platform, "tree")
    for app, files in (("moved", PLAIN), ("picky", PICKY)):
        platform.ok("apps:create", app)
        platform.ok("buildpacks:set-property", app, "stack", "extra")
        platform.repository(app).deploy(files)
    make(platform, "tree", "less")
    return "moved"


def test_apps_have_their_stacks_packages_and_keep_its_snapshot(platform: Instance, extra: str):
    assert has(platform, extra, "tree")
    assert not has(platform, extra, "less")
    report: Any = platform.json("stack:report", extra)
    assert (report["name"], report["is-newest"], report["age-days"]) == ("extra", "false", "0")
    rows: Any = [one for one in platform.json("stack:list") if one["name"] == "extra"]  # type: ignore[union-attr]
    assert [(one["current"], one["apps"]) for one in rows] == [(True, 0), (False, 2)]
    info: Any = platform.json("stack:info", "extra")
    assert {"tree:amd64", "less:amd64", "libc6:amd64"} <= info["packages"].keys()
    found = json.loads(platform.ok("releases:provenance", extra))
    stack = found["predicate"]["buildDefinition"]["resolvedDependencies"][-1]
    assert stack["uri"] == "urn:paas:stack:extra"


def test_a_rebased_app_is_checked_and_runs_what_it_was_built_of(platform: Instance, extra: str):
    before = layers(platform, extra)
    said = platform.ok("stack:rebase", extra)
    assert "All checks successful (web.1)" in said
    assert platform.get(extra).text == "hello"
    after = layers(platform, extra)
    assert after[2:] == before[2:]
    assert after[1] != before[1]
    assert has(platform, extra, "less")
    assert "is on the newest extra already" in platform.ok("stack:rebase", extra)
    assert platform.json("stack:report", extra)["is-newest"] == "true"  # type: ignore[call-overload,index]
    build: Any = platform.json("builds:info", extra)
    assert (build["source"], build["kind"]) == ("stack:rebase", "deploy")
    platform.ok("releases:rollback", extra)
    assert layers(platform, extra) == before
    assert not has(platform, extra, "less")


def test_an_app_that_is_not_well_on_the_new_snapshot_stays_where_it_is(
    platform: Instance, extra: str
):
    before = layers(platform, "picky")
    failed = platform.paas("stack:rebase", "picky")
    assert failed.returncode == 1
    assert b"exited with code 1" in failed.stderr
    assert layers(platform, "picky") == before
    assert platform.get("picky").text == "hello"
    failed = platform.paas("stack:rebase", "--all", "--parallel", "2")
    assert failed.returncode == 1
    assert b"picky" in failed.stderr
    assert has(platform, extra, "less")
    assert platform.get(extra).text == "hello"
    platform.ok("releases:rollback", extra)


def test_a_snapshot_that_lacks_what_an_app_was_built_with_is_refused(
    platform: Instance, extra: str
):
    make(platform, "less")
    failed = platform.paas("stack:rebase", extra)
    assert failed.returncode == 1
    assert b"cannot be rebased onto extra: it lacks tree" in failed.stderr
    assert b"paas ps:rebuild moved" in failed.stderr
    platform.ok("ps:rebuild", extra)
    assert has(platform, extra, "less")
    assert not has(platform, extra, "tree")


def test_the_same_definition_again_makes_nothing_new(platform: Instance, extra: str):
    before: Any = platform.json("stack:list")
    assert "extra is up to date" in make(platform, "less")
    assert "extra: 0 updates" in platform.ok("stack:update", "extra", "--dry-run")
    assert platform.json("stack:list") == before
    assert platform.json("stack:report", extra)["pending-updates"].startswith("0 as of")  # type: ignore[call-overload,index]


def test_a_stack_whose_maker_goes_away_is_not_made_and_leaves_nothing(
    platform: Instance, tmp_path: Path
):
    definition = tmp_path / "stack.toml"
    definition.write_text('run = ["less"]\n')
    child = subprocess.Popen(
        [str(REPOSITORY / "bin" / "paas"), "stack:build", "other", str(definition)],
        env=platform.environment,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert b"Making the stack other" in child.stdout.readline()
    building = platform.settings.state_dir / "layers" / "building"
    until(lambda: list(building.glob("*/root/etc")))
    child.kill()
    child.wait()
    until(lambda: not list(building.glob("*")))
    assert f"{building}/" not in Path("/proc/self/mountinfo").read_text()
    found: Any = platform.json("stack:list")
    assert "other" not in {one["name"] for one in found}


def test_a_stack_that_apps_take_is_not_removed(platform: Instance, extra: str):
    failed = platform.paas("stack:remove", "extra")
    assert b"extra is the stack of moved" in failed.stderr
    failed = platform.paas("stack:build", "heroku-24")
    assert failed.returncode == 2
    failed = platform.paas("stack:build", "other", stdin=b'run = ["no-such-package-at-all"]')
    assert failed.returncode == 1
    assert b"no-such-package-at-all" in failed.stderr
    assert not [one for one in platform.json("stack:list") if one["name"] == "other"]  # type: ignore[union-attr]
    for app in ("moved", "picky"):
        platform.ok("buildpacks:set-property", app, "stack")
    platform.ok("stack:remove", "extra")
    assert platform.get(extra).text == "hello"
