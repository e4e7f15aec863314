"""The database damaged, lost or locked: what is said, what goes on, and how it comes back."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.operations import OPERATIONS, prepare_push
from tests.faults.prober import fetch
from tests.faults.stage import DEATH_S, LASTING, Answer, Stage, staged, until


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A stage of its own, whose database is copied all the time."""
    with staged(database_copy_s=0.2, patrol_s=0.5) as made:
        yield made


def database(stage: Stage) -> Path:
    return stage.instance.settings.state_dir / "paas.db"


def copies(stage: Stage) -> list[Path]:
    return sorted((database(stage).parent / "copies").glob("[0-9]*.db"))


def until_copied(stage: Stage) -> None:
    """Until the newest copy has the releases and domains that there are, the neighbour's too."""
    until(lambda: copies(stage) and kept(copies(stage)[-1]) == kept(database(stage)))


def kept(path: Path) -> list[list[tuple[object, ...]]]:
    """What a database has of apps."""
    queries = ("SELECT * FROM releases", "SELECT * FROM domains")
    with closing(sqlite3.connect(path)) as opened:
        return [opened.execute(one).fetchall() for one in queries]


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(path.stat().st_size))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def serves(stage: Stage, page: str) -> bool:
    """Whether the app answers with a page, and not a page of the proxy's for it."""
    port = stage.instance.settings.http_port
    status, body = fetch(port, LASTING.format(app=stage.repository.app))
    return status == 200 and Answer(*body.split(" ")).page == page


def nothing_wrong(stage: Stage) -> None:
    problems = [*invariants.check(stage.instance), *stage.prober.take_failures()]
    assert problems == [], stage.instance.daemon_log()


def refused(stage: Stage) -> str:
    """What the daemon says that does not start."""
    log = stage.instance.root / "paasd.log"
    mark = log.stat().st_size
    stage.instance.launch()
    assert stage.instance.process is not None
    assert stage.instance.process.wait(DEATH_S) != 0
    return log.read_bytes()[mark:].decode()


@pytest.mark.parametrize("damage", [garbage, truncated, emptied, Path.unlink])
def test_a_damaged_database_is_named_apps_go_on_and_the_last_good_copy_comes_back(
    stage: Stage, damage: Callable[[Path], None]
):
    OPERATIONS["config"].prepare(stage)
    OPERATIONS["config"].run(stage)
    until_copied(stage)
    stage.instance.stop()
    damage(database(stage))
    said = refused(stage)
    assert f"the database {database(stage)} is damaged" in said
    assert "apps go on as they are" in said
    assert "paasd restore-database" in said
    assert "Traceback" not in said
    done = stage.instance.paasd("restore-database")
    assert done.returncode == 0, done.stderr
    assert b"the database is as it was on" in done.stdout
    stage.instance.start()
    nothing_wrong(stage)
    assert stage.answer().mode == str(stage.mode)


def test_what_was_pushed_after_the_copy_is_pushed_again(stage: Stage):
    until_copied(stage)
    copy = copies(stage)[-1]
    good = copy.read_bytes()
    before, page = prepare_push(stage)
    assert stage.repository.push().returncode == 0
    stage.instance.stop()
    for one in copies(stage):
        one.unlink()
    copy.write_bytes(good)
    garbage(database(stage))
    assert stage.instance.paasd("restore-database").returncode == 0
    stage.instance.start()
    until(lambda: serves(stage, before))
    assert invariants.check(stage.instance) == []
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page
    stage.prober.take_failures()  # its containers were those of a release nobody knew


def test_without_any_copy_the_way_out_is_a_backup(stage: Stage):
    until_copied(stage)
    stage.instance.stop()
    aside = database(stage).with_name("aside")
    database(stage).rename(aside)
    hidden = database(stage).with_name("hidden")
    (database(stage).parent / "copies").rename(hidden)
    assert "restore a backup" in refused(stage)
    done = stage.instance.paasd("restore-database")
    assert done.returncode == 1
    assert b"there is no good copy" in done.stderr
    assert b"restore a backup" in done.stderr
    aside.rename(database(stage))
    hidden.rename(database(stage).parent / "copies")
    stage.instance.start()
    nothing_wrong(stage)


def test_a_locked_database_is_said_and_the_command_works_once_it_is_free(stage: Stage):
    operation = OPERATIONS["config"]
    operation.prepare(stage)
    path = database(stage)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=DEATH_S)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert b"shop" in stage.instance.paas("apps:list").stdout
        done = operation.run(stage)
        other.execute("ROLLBACK")
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "is locked by another program" in said
    assert "fuser -v" in said
    assert operation.run(stage).returncode == 0
    nothing_wrong(stage)
