"""The file itself: who may read it, how it is migrated, what happens when it is broken."""

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from paas.errors import PaasError
from paas.settings import Settings
from paas.store import migrate
from paas.store.database import HEAD, Database, metadata
from paas.store.store import Store


def path_of(settings: Settings) -> Path:
    return settings.state_dir / "paas.db"


def test_only_its_owner_may_read_any_file_of_the_database(store: Store, settings: Settings):
    store.apps.create("blog")
    found = list(settings.state_dir.glob("paas.db*"))
    assert len(found) >= 2
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(settings: Settings):
    path_of(settings).touch(mode=0o644)
    Store(settings).close()
    assert path_of(settings).stat().st_mode & 0o777 == 0o600


def test_writes_survive_a_power_cut_and_links_are_enforced(settings: Settings):
    database = Database(f"sqlite:///{path_of(settings)}")
    with database.read() as connection:
        read = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert read == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


def test_the_newest_migration_makes_exactly_the_tables_the_code_speaks_of(settings: Settings):
    database = Database(f"sqlite:///{path_of(settings)}")
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def test_the_head_in_the_code_is_the_newest_migration():
    assert ScriptDirectory.from_config(migrate.config()).get_current_head() == HEAD


def test_opening_an_up_to_date_database_loads_no_migration_tool(settings: Settings):
    Store(settings).close()
    program = (
        "import sys, pathlib\n"
        "from paas.settings import Settings\n"
        "from paas.store.store import Store\n"
        f"settings = Settings(state_dir=pathlib.Path({str(settings.state_dir)!r}))\n"
        "Store(settings)\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_two_that_open_a_new_database_at_once_both_find_it_whole(settings: Settings):
    program = (
        "import pathlib\n"
        "from paas.settings import Settings\n"
        "from paas.store.store import Store\n"
        f"Store(Settings(state_dir=pathlib.Path({str(settings.state_dir)!r}))).apps.list()\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(2)
    ]
    for child in children:
        _, stderr = child.communicate(timeout=60)
        assert child.returncode == 0, stderr.decode()


def test_a_migration_that_fails_half_way_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    def upgrade(connection):
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrate, "upgrade", upgrade)
    with pytest.raises(RuntimeError):
        Store(settings)
    with sqlite3.connect(path_of(settings)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_layers_of_releases_made_before_there_was_a_table_for_them_are_known(
    settings: Settings,
):
    database = create_engine(f"sqlite:///{path_of(settings)}")
    with database.begin() as connection:
        made = migrate.config()
        made.attributes["connection"] = connection
        command.upgrade(made, "0003")
        image = json.dumps({"layers": [{"id": "a"}, {"id": "b"}, {"id": "a"}]})
        connection.exec_driver_sql(
            "INSERT INTO apps (name, slot, created_at, locked, stopped, last_version) "
            "VALUES ('blog', 1, '2026-01-01', 0, 0, 1)"
        )
        connection.exec_driver_sql(
            "INSERT INTO releases (app_id, version, image, config, description, actor, status, "
            "current, created_at) VALUES (1, 1, ?, '{}', '', '', 'succeeded', 1, '2026-01-01')",
            (image,),
        )
    database.dispose()
    assert Store(settings).releases.layers_needed() == {"a", "b"}


def test_a_database_of_a_newer_paas_is_left_alone(settings: Settings):
    Store(settings).close()
    with sqlite3.connect(path_of(settings)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(PaasError, match="9999") as error:
        Store(settings)
    assert "newer paas" in error.value.hint


def test_a_file_that_is_no_database_is_named_in_a_sentence(settings: Settings):
    path_of(settings).write_bytes(b"this is not a database" * 100)
    with pytest.raises(PaasError, match=r"paas.db is damaged: file is not a database"):
        Store(settings)


def test_a_writer_waits_for_another_process(store: Store, settings: Settings):
    program = (
        "import sqlite3, sys\n"
        f"c = sqlite3.connect({str(path_of(settings))!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True)\n"
        "sys.stdin.readline(); c.execute('COMMIT')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.readline()
    began = time.monotonic()
    import threading

    threading.Timer(0.3, lambda: (child.stdin.write(b"\n"), child.stdin.flush())).start()
    store.apps.create("patient")
    assert time.monotonic() - began > 0.25
    child.communicate()


def test_every_table_can_be_made_on_postgresql_too():
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateIndex, CreateTable

    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))
