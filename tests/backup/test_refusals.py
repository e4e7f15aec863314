"""What a restore refuses, asked of a running instance: nothing of it has changed afterwards."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paas.backup.head import AppEntry, LayerEntry
from paas.backup.members import Kind, Member
from tests.backup import stage
from tests.backup.archives import flipped
from tests.backup.crafted import BASE, SOURCE, Crafted, crafted, layer
from tests.e2e.instance import Instance


@pytest.fixture(scope="module")
def platform() -> Iterator[Instance]:
    """With the folders that only a first app and a first restore make; nothing tidies it up."""
    with stage.instance(gc_interval_s=0.0) as made:
        made.ok("apps:create", "first")
        made.ok("--force", "apps:destroy", "first")
        made.paas("restore", stdin=b"nothing")
        yield made


@pytest.fixture(scope="module")
def backup(platform: Instance) -> Crafted:
    return crafted(platform.settings, platform.root / "crafted")


def everything(platform: Instance) -> object:
    """Every file of the instance but those that go on by themselves, and every row but events.

    Looked at once what went before has gone to its end.
    """
    assert stage.leaks(platform) == []
    going_on = {"proxy", "ballast", "copies"}
    state = platform.settings.state_dir
    files = {
        str(path.relative_to(state)): (path.lstat().st_mode, path.lstat().st_size)
        for path in state.rglob("*")
        if not path.name.startswith("paas.db") and going_on.isdisjoint(path.parts)
    }
    with sqlite3.connect(f"file:{state}/paas.db?mode=ro", uri=True) as database:
        names = [row[0] for row in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )]  # fmt: skip
        rows = {
            name: database.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
            if name != "events"
        }
    return files, rows


def more(backup: Crafted, member: Member, content: bytes = b"") -> bytes:
    return backup.plus((member, content)).written()


def rows(backup: Crafted, table: str, *values: dict[str, object]) -> bytes:
    data = b"".join(json.dumps(one).encode() + b"\n" for one in values)
    return backup.changed(f"database/{table}.jsonl", data).written()


def with_apps(backup: Crafted, *apps: AppEntry) -> bytes:
    return replace(backup, head=replace(backup.head, apps=apps)).written()


def bundle(backup: Crafted) -> bytes:
    return next(data for member, data in backup.members if member.path.endswith(".bundle"))


MADE: dict[str, tuple[Callable[[Crafted], bytes], str]] = {
    "nothing": (lambda _: b"", "no backup of paas"),
    "half of it": (lambda one: one.written()[:-2000], "cut short"),
    "a flipped bit": (lambda one: flipped(one.written(), 9000), "damaged"),
    "an absolute path": (lambda one: more(one, Member("/etc/cron.d/x"), b"x"), "not a path"),
    "through a link": (
        lambda one: more(
            one.plus((Member("volumes/data/way", Kind.LINK, target="/etc"), b"")),
            Member("volumes/data/way/shadow"), b"root::::",
        ),
        "lies in no folder",
    ),
    "the host key by another name": (
        lambda one: more(one, Member("volumes/data/key", Kind.TWIN, target="ssh/ed25519")),
        "a name of a file elsewhere",
    ),
    "a layer of the host's root": (
        lambda one: more(one, Member(f"layers/{SOURCE}/files/su", mode=0o4755), b"x"),
        "owned by nobody of its layer's app",
    ),
    "an unknown section": (
        lambda one: replace(
            one, head=replace(one.head, sections=(*one.head.sections, "services"))
        ).written(),
        "section 'services'",
    ),
    "a newer database": (
        lambda one: replace(one, head=replace(one.head, schema="9999")).written(),
        "migration 9999",
    ),
    "rows of nobody": (
        lambda one: rows(one, "config", {"app_id": 99, "key": "A", "value": "b"}),
        "does not fit together",
    ),
    "a variable that is a path": (
        lambda one: rows(one, "config", {"app_id": 1, "key": "../../etc/x", "value": "b"}),
        "is not a name for an environment variable",
    ),
    "an app's name that leads astray": (
        lambda one: with_apps(one, AppEntry("../down", 1, 1)), "has an app named",
    ),
    "an app twice": (
        lambda one: with_apps(one, AppEntry("down", 1, 1), AppEntry("down", 2, 2)),
        "exists already",
    ),
    "a repository that git finds wanting": (
        lambda one: one.changed("repositories/down.bundle", bundle(one)[:-40]).written(),
        "git does not take the repository",
    ),
    "a layer with the files of none": (
        lambda one: replace(
            one,
            head=replace(one.head, layers=(LayerEntry(SOURCE, BASE, 1, 1, "", "layer-of-nobody"),)),
        ).written(),
        "files of a layer that is not there",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "why"), MADE.values(), ids=MADE)
def test_it_is_refused_and_nothing_has_changed(
    platform: Instance, backup: Crafted, make: Callable[[Crafted], bytes], why: str
):
    before = everything(platform)
    done = platform.paas("restore", stdin=make(backup))
    assert done.returncode == 1, done.stdout
    assert why in done.stderr.decode()
    assert "Something went wrong" not in done.stderr.decode()
    assert everything(platform) == before


def test_a_layer_that_builds_of_others_find_is_not_taken_from_an_apps_archive(
    platform: Instance, backup: Crafted
):
    """An archive may say that a layer has the key of a dependency: only its own app gets it."""
    poisoned = "python-deps-0123456789abcdef0123456789abcdef"
    base = BASE + 65536
    entry = LayerEntry(poisoned, base, 4096)
    app = replace(
        backup, head=replace(backup.head, kind="app", layers=(entry,),
                             apps=(backup.head.apps[1],)),
        whole=(poisoned,),
    ).without("layers/").plus(*layer(poisoned, base))  # fmt: skip
    release = next(data for one, data in app.members if one.path == "database/releases.jsonl")
    links = next(data for one, data in app.members if one.path == "database/release_layers.jsonl")
    app = app.changed(
        "database/releases.jsonl", release.replace(SOURCE.encode(), poisoned.encode())
    )
    app = app.changed(
        "database/release_layers.jsonl", links.replace(SOURCE.encode(), poisoned.encode())
    )
    platform.ok("apps:import", "victim", stdin=app.written())
    try:
        names = {path.name for path in (platform.settings.state_dir / "layers").iterdir()}
        assert poisoned not in names
        mine = [name for name in names if name.startswith("import-")]
        assert len(mine) == 1
        home = platform.settings.state_dir / "layers" / mine[0]
        record = json.loads((home / "layer.json").read_text())
        assert record["app"] != 0
        assert (home / "files" / "page.txt").read_text() == "page"
    finally:
        platform.ok("--force", "apps:destroy", "victim")


def test_a_property_that_makes_no_sense_stays_away_and_the_app_comes(
    platform: Instance, backup: Crafted
):
    """One that nobody could set might end the daemon, or lead somewhere."""
    values = {
        ("ps", "restart-policy"): "nonsense",
        ("ps", "pause-seconds"): "12",
        ("ps", "in-service"): '["../../x"]',
        ("checks", "wait-to-retire"): "for ever",
        ("inner", "thing"): "x",
    }
    properties = [
        {"app_id": 1, "namespace": space, "key": key, "value": value}
        for (space, key), value in values.items()
    ]
    app = replace(backup, head=replace(backup.head, kind="app", apps=(backup.head.apps[1],)))
    done = platform.paas("apps:import", "odd", stdin=rows(app, "properties", *properties))
    assert done.returncode == 0, done.stderr
    said = done.stderr.decode()
    for told in ("ps restart-policy", "checks wait-to-retire"):
        assert f"{told} is not set: it makes no sense here" in said
    assert "inner" not in said
    assert platform.json("ps:report", "odd")["pause-seconds"] == "12"  # type: ignore[index]
    with sqlite3.connect(platform.settings.state_dir / "paas.db") as database:
        kept = database.execute("SELECT namespace, key, value FROM properties").fetchall()
    kept.remove(("ps", "in-service", "[]"))  # as of an app of which nothing runs
    assert [row for row in kept if row[0] in ("ps", "checks", "inner")] == [
        ("ps", "pause-seconds", "12")
    ]
    platform.ok("--force", "apps:destroy", "odd")


def test_a_backup_of_everything_needs_an_instance_without_apps(platform: Instance, backup: Crafted):
    platform.ok("apps:create", "mine")
    before = everything(platform)
    done = platform.paas("restore", stdin=backup.written())
    assert (done.returncode, b"there are apps here: mine" in done.stderr) == (1, True)
    assert everything(platform) == before
    platform.ok("--force", "apps:destroy", "mine")


def test_an_app_of_that_name_is_not_replaced(platform: Instance, backup: Crafted):
    platform.ok("apps:create", "down")
    before = everything(platform)
    done = platform.paas("apps:import", "--from", "down", stdin=backup.written())
    assert (done.returncode, b"down exists already" in done.stderr) == (1, True)
    assert everything(platform) == before
    platform.ok("--force", "apps:destroy", "down")


def test_more_apps_than_there_is_room_for_are_refused(platform: Instance, backup: Crafted):
    many = tuple(AppEntry(f"app-{n}", n, n) for n in range(1, 1100))
    before = everything(platform)
    done = platform.paas("restore", stdin=with_apps(backup, *many))
    assert (done.returncode, b"there is room for 1023" in done.stderr) == (1, True)
    assert everything(platform) == before


def test_a_file_that_is_none_is_named(platform: Instance, tmp_path: Path):
    for path in (tmp_path, tmp_path / "nowhere", Path("/dev/null")):
        done = platform.paas("restore", str(path))
        assert done.returncode == 1
        assert str(path) in done.stderr.decode()


def test_files_of_the_server_are_roots_alone(platform: Instance):
    for words in (("backup", "/tmp/x"), ("restore", "/tmp/x"), ("backup:verify", "/tmp/x")):
        done = platform.ssh(*words)
        assert done.returncode == 2
        assert b"only by the machine's own root" in done.stderr
