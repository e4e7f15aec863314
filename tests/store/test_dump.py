"""Rows out of a database as lines, and into another one of whatever age."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from paas.errors import PaasError
from paas.model.app import App
from paas.model.release import Image, Layer
from paas.settings import Settings
from paas.store import dump
from paas.store.database import HEAD, Database, metadata
from paas.store.intake import Intake
from paas.store.store import Store

ODD = 'line one\nline two\t"quoted" ü \U0001f389 \\ \' NULL'
POINT = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(range(32))).decode()
ED25519 = f"ssh-ed25519 {POINT} alice@laptop"
IMAGE = Image(
    "image", (Layer("stack", 0), Layer("source-1", 65536, 12)), {"web": "run"}, commit="c" * 40
)


def filled(store: Store, name: str) -> App:
    """An app with something in every table that apps have rows in."""
    app = store.apps.create(name)
    store.config.set(app, {"ODD": ODD, "EMPTY": ""})
    store.domains.add(app, [f"{name}.example.org"])
    store.formation.set(app, {"web": 2, "worker": 1})
    store.limits.set(app, None, {"memory": "64m"})
    store.buildpacks.set(app, ["python", "nodejs"])
    store.properties.set(app, "ps", "priority", "7")
    for number in range(2):
        release = store.releases.cut(app, IMAGE, {"ODD": ODD}, f"Deploy {number}", "alice")
        store.releases.succeed(release)
    return app


@pytest.fixture
def full(store: Store) -> Store:
    """A store with two apps and the instance's own rows."""
    filled(store, "blog")
    filled(store, "shop")
    store.config.set(None, {"SHARED": "yes"})
    store.properties.set(None, "git", "deploy-branch", "trunk")
    store.domains.add(None, ["apps.example.org"])
    store.keys.add("alice", ED25519)
    store.events.record("blog", "alice", "deploy", "succeeded", "v2")
    return store


def lines(store: Store, app: App | None = None) -> dict[str, list[bytes]]:
    with store.view():
        return {name: list(store.dump(name, app)) for name in dump.tables()}


@pytest.fixture
def other(settings: Settings) -> Iterator[Store]:
    """Another, empty instance."""
    made = Store(replace(settings, state_dir=settings.state_dir / "other"))
    yield made
    made.close()


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.view() as _, store._database.read() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(text(f"SELECT * FROM {table.name}"))),
                key=repr,
            )
            for table in metadata.sorted_tables
        }


def taken(rows: dict[str, list[bytes]], path: Path, schema: str = HEAD) -> Path:
    dump.rebuild(path, schema, rows)
    return path


def test_a_rebuilt_database_has_every_row(full: Store, tmp_path: Path, settings: Settings):
    path = taken(lines(full), tmp_path / "staged.db")
    again = Store(replace(settings, database_url=f"sqlite:///{path}"))
    assert everything(again) == everything(full)
    assert again.config.get(again.apps.get("blog"))["ODD"] == ODD
    again.close()


def test_an_apps_lines_have_nothing_of_others(full: Store):
    blog = full.apps.get("blog")
    found = lines(full, blog)
    rows = {name: [json.loads(line) for line in those] for name, those in found.items() if those}
    assert {name: len(those) for name, those in rows.items()} == {
        "apps": 1, "config": 2, "domains": 1, "formation": 2, "limits": 1, "buildpacks": 2,
        "properties": 1, "releases": 2, "release_layers": 4,
    }  # fmt: skip
    assert {row["app_id"] for row in rows["config"]} == {blog.id}


def test_lines_are_of_one_moment(full: Store):
    with full.view():
        before = list(full.dump("config"))
        with sqlite3.connect(full._database._url.database or "") as another:
            another.execute("UPDATE config SET value = 'changed'")
        assert list(full.dump("config")) == before
        assert full.config.get(None) == {"SHARED": "yes"}
    assert list(full.dump("config")) != before


def test_an_older_database_is_brought_up_to_date(tmp_path: Path, settings: Settings):
    app = {"id": 3, "name": "old", "slot": 2, "created_at": "2026-01-31T12:00:00+00:00",
           "locked": False, "stopped": True, "last_version": 1}  # fmt: skip
    image = {"id": "i", "layers": [{"id": "source-9", "uid_base": 7, "bytes": 1}],
             "processes": {"web": "run"}, "environment": {}, "buildpacks": [], "commit": "",
             "manifest": {}}  # fmt: skip
    release = {"id": 5, "app_id": 3, "version": 1, "image": image, "config": {"A": "b"},
               "description": "Deploy", "actor": "alice", "status": "succeeded", "current": True,
               "created_at": "2026-01-31T12:00:00+00:00"}  # fmt: skip
    rows = {"apps": [json.dumps(app).encode()], "releases": [json.dumps(release).encode()]}
    path = taken(rows, tmp_path / "staged.db", "0001")
    store = Store(replace(settings, database_url=f"sqlite:///{path}"))
    current = store.releases.current(store.apps.get("old"))
    assert current is not None
    assert current.image.layers == (Layer("source-9", 7, 1),)
    assert store.releases.layers_needed() == {"source-9"}
    store.close()


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path):
    with pytest.raises(PaasError, match="migration 9999") as error:
        dump.rebuild(tmp_path / "staged.db", "9999", {})
    assert "newer paas" in error.value.hint


@pytest.mark.parametrize(
    "rows",
    [
        {"apps": [b"not json"]},
        {"apps": [b"[1, 2]"]},
        {"apps": [b'{"id": 1, "nonsense": 2}']},
        {"nonsense": [b'{"id": 1}']},
        {"apps": [b'{"id": 1}']},
        {"config": [b'{"app_id": 77, "key": "A", "value": "b"}']},
        {"keys": [b'{"id": 1, "name": "a", "created_at": "yesterday"}']},
        {"sqlite_master": [b'{"name": "x"}']},
        {"apps": [b'{"name": {"a": 1}}']},
    ],
)
def test_rows_that_do_not_fit_together_are_refused(rows: dict[str, list[bytes]], tmp_path: Path):
    with pytest.raises(PaasError, match="does not fit together"):
        dump.rebuild(tmp_path / "staged.db", HEAD, rows)


# -- taking in ---------------------------------------------------------------------------


def as_it_is(_table: str, row: dict[str, object]) -> dict[str, object]:
    return row


def test_everything_is_taken_into_an_instance_that_is_empty(
    full: Store, other: Store, tmp_path: Path
):
    path = taken(lines(full), tmp_path / "staged.db")
    other.config.set(None, {"MINE": "gone"})
    ids = {app.id: other.apps.reserve(app.name, app.id, app.slot).id for app in full.apps.list()}
    other.take_from(path, Intake(ids, as_it_is, whole=True))
    assert everything(other) == everything(full)


def test_one_app_comes_under_a_new_id_beside_those_that_are_here(
    full: Store, other: Store, tmp_path: Path
):
    path = taken(lines(full), tmp_path / "staged.db")
    filled(other, "first")
    other.config.set(None, {"MINE": "stays"})
    there, here = full.apps.get("shop"), other.apps.create("moved")
    other.take_from(path, Intake({there.id: here.id}, as_it_is))
    assert other.config.get(here) == {"ODD": ODD, "EMPTY": ""}
    assert other.config.get(None) == {"MINE": "stays"}
    assert other.domains.list(here) == ["shop.example.org"]
    assert [one.version for one in other.releases.list(here)] == [2, 1]
    assert other.releases.layers_by_app()[here.id] == {"stack", "source-1"}
    assert {app.name for app in other.apps.list()} == {"first", "moved"}
    assert other.keys.list() == []
    fresh = other.releases.cut(here, IMAGE, {}, "next", "alice")
    assert fresh.version == 3


def test_what_is_left_out_takes_what_refers_to_it_along(full: Store, other: Store, tmp_path: Path):
    path = taken(lines(full), tmp_path / "staged.db")
    there, here = full.apps.get("shop"), other.apps.create("moved")

    def no_releases(table: str, row: dict[str, object]) -> dict[str, object] | None:
        return None if table == "releases" else row

    other.take_from(path, Intake({there.id: here.id}, no_releases))
    assert other.releases.list(here) == []
    assert other.releases.layers_needed() == set()


def test_an_app_is_copied_within_an_instance(full: Store):
    blog, copied = full.apps.get("blog"), full.apps.create("copy")

    def without_domains(table: str, row: dict[str, object]) -> dict[str, object] | None:
        return None if table == "domains" else row

    full.copy(Intake({blog.id: copied.id}, without_domains))
    assert full.config.get(copied) == full.config.get(blog)
    assert full.formation.get(copied) == full.formation.get(blog)
    assert full.domains.list(copied) == []
    assert full.domains.list(blog) == ["blog.example.org"]


def test_a_failure_leaves_everything_as_it_was(full: Store, other: Store, tmp_path: Path):
    path = taken(lines(full), tmp_path / "staged.db")
    there, here = full.apps.get("shop"), other.apps.create("moved")
    before = everything(other)

    def breaks(table: str, row: dict[str, object]) -> dict[str, object]:
        if table == "releases":
            raise PaasError("stop")
        return row

    with pytest.raises(PaasError, match="stop"):
        other.take_from(path, Intake({there.id: here.id}, breaks))
    assert everything(other) == before


# -- reserving ----------------------------------------------------------------------------


def test_an_app_gets_the_id_and_slot_it_had_where_they_are_free(settings: Settings):
    database = Database(f"sqlite:///{settings.state_dir}/paas.db")
    from paas.store.apps import Apps

    apps = Apps(database, slots=9)
    first = apps.reserve("first", 40, 7)
    assert (first.id, first.slot) == (40, 7)
    second = apps.reserve("second", 40, 7)
    assert second.id != 40
    assert second.slot == 1
    third = apps.reserve("third", None, 10)
    assert third.slot == 2
    database.close()
