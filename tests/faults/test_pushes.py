"""Pushes that meet each other, lose their client, or are there to do harm."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.instance import Repository
from tests.faults import invariants, packs
from tests.faults.case import arm, log
from tests.faults.operations import OPERATIONS, prepare_push
from tests.faults.stage import Done, Stage, died, until

DEADLINE_S = 60.0


@contextmanager
def pushing(repository: Repository, ref: str = "main") -> Iterator[subprocess.Popen[bytes]]:
    """A push under way, ended with the block in any case."""
    child = subprocess.Popen(
        ["git", "-C", str(repository.path), "push", "paas", f"{ref}:main"],
        env=repository.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def until_logged(stage: Stage, words: str) -> None:
    until(lambda: words in log(stage.instance))


def until_under_way(stage: Stage, count: int) -> None:
    """Until so many deploys are recorded as under way, those that wait included."""
    until(lambda: len(stage.instance.json("builds:list")) == count)  # type: ignore[arg-type]


def said(child: "subprocess.Popen[bytes]") -> str:
    out, _ = child.communicate(timeout=DEADLINE_S)
    return out.decode()


def nothing_wrong(stage: Stage) -> None:
    problems = [*invariants.check(stage.instance), *stage.prober.take_failures()]
    assert problems == [], log(stage.instance)


# -- clients that leave -------------------------------------------------------------------


def test_a_push_whose_client_vanishes_leaves_its_release_failed_and_nothing_else(stage: Stage):
    before, page = prepare_push(stage)
    arm(stage.instance, "health.check=delay:5")  # longer than it takes to see a client leave
    with pushing(stage.repository) as child:
        until_logged(stage, "failpoint health.check: delay")
        os.killpg(child.pid, signal.SIGKILL)
    nothing_wrong(stage)
    newest = max(stage.row.releases, key=lambda one: one.version)
    assert newest.status == "failed"
    assert stage.answer().page == before
    assert stage.repository.push().returncode == 0
    assert stage.answer().page == page


def test_a_client_that_vanishes_after_the_switch_leaves_the_branch_where_the_app_is(stage: Stage):
    _, page = prepare_push(stage)
    arm(stage.instance, "landing.switched=delay:1")
    with pushing(stage.repository) as child:
        until_logged(stage, "failpoint landing.switched: delay")
        os.killpg(child.pid, signal.SIGKILL)
    nothing_wrong(stage)
    assert stage.answer().page == page
    assert b"Everything up-to-date" in stage.repository.push().stderr


# -- several at once ------------------------------------------------------------------------


def test_a_daemon_killed_before_git_moved_the_branch_of_a_push_that_waited_moves_it(stage: Stage):
    prepare_push(stage)
    arm(stage.instance, "health.check=hold;landing.back=kill")
    with pushing(stage.repository) as first:
        until_logged(stage, "failpoint health.check: hold")
        stage.page += 1
        stage.repository.commit({"page.txt": str(stage.page)})
        with pushing(stage.repository) as second:
            until_under_way(stage, 2)
            arm(stage.instance, "landing.back=kill")
            died(stage.instance)
            stage.instance.start()
            assert first.wait(DEADLINE_S) == 0
            assert second.wait(DEADLINE_S) != 0
    nothing_wrong(stage)
    assert stage.answer().page == str(stage.page)
    assert b"Everything up-to-date" in stage.repository.push().stderr


def test_of_two_pushes_at_once_that_know_nothing_of_each_other_one_wins(stage: Stage):
    prepare_push(stage)
    repository = stage.repository
    assert repository.push().returncode == 0
    for number, name in enumerate(("left", "right"), start=1):
        repository.git("checkout", "-q", "-b", name, "main")
        repository.commit({"page.txt": str(stage.page + number)})
    with pushing(repository, "left") as left, pushing(repository, "right") as right:
        words = {left: said(left), right: said(right)}
    repository.git("checkout", "-q", "main")
    won = [child for child in (left, right) if child.returncode == 0]
    assert len(won) == 1, words
    lost = words[left if won == [right] else right]
    assert "while this push waited" in lost or "takes its place" in lost or "rejected" in lost
    nothing_wrong(stage)
    stage.page += 1 if won == [left] else 2
    assert stage.answer().page == str(stage.page)
    repository.git("reset", "-q", "--hard", "left" if won == [left] else "right")
    repository.git("branch", "-q", "-D", "left", "right")


@pytest.mark.parametrize("name", ["scale up", "config", "rename", "scale down"])
def test_a_push_and_another_change_of_its_app_both_happen(stage: Stage, name: str):
    operation = OPERATIONS[name]
    _, page = prepare_push(stage)
    _, wanted = operation.prepare(stage)
    arm(stage.instance, "build.container=delay:5")  # longer than a client takes to ask
    done: list[Done] = []
    with pushing(stage.repository) as child:
        until_logged(stage, "failpoint build.container: delay")
        other = threading.Thread(target=lambda: done.append(operation.run(stage)))
        other.start()
        words = said(child)
        other.join(DEADLINE_S)
    assert child.returncode == 0, words
    assert done[0].returncode == 0, done[0].stderr
    assert b"Waiting for the" in done[0].stdout
    nothing_wrong(stage)
    assert operation.now(stage) == wanted
    assert stage.answer().page == page
    if name == "rename":
        assert operation.prepare(stage)[1] == "shop"
        assert operation.run(stage).returncode == 0


def test_an_app_destroyed_during_its_push_is_gone_once_the_push_is_over(stage: Stage):
    OPERATIONS["destroy"].prepare(stage)
    stage.doomed.commit()
    arm(stage.instance, "build.container=delay:0.5")
    with pushing(stage.doomed) as child:
        until_logged(stage, "failpoint build.container: delay")
        done = OPERATIONS["destroy"].run(stage)
        words = said(child)
    assert child.returncode == 0, words
    assert done.returncode == 0, done.stderr
    nothing_wrong(stage)
    assert OPERATIONS["destroy"].now(stage) == "absent"


# -- hostile ----------------------------------------------------------------------------------


def test_a_pack_that_unfolds_without_end_is_refused_and_others_push_meanwhile(stage: Stage):
    limit = stage.instance.settings.push_memory_bytes
    pack, commit = packs.bomb(4 * limit)
    old = stage.repository.git("rev-parse", "paas/main").stdout.decode().strip()
    prepare_push(stage)
    with pushing(stage.repository) as child:
        done = packs.send(stage, "calm", pack, branch(stage, "calm"), commit)
        words = said(child)
    assert child.returncode == 0, words
    assert old not in words
    assert done.returncode != 0
    assert f"git needed more than {limit >> 20} MiB of memory" in done.stderr.decode()
    nothing_wrong(stage)


def branch(stage: Stage, app: str) -> str:
    path = stage.instance.settings.state_dir / "repos" / f"{app}.git"
    return invariants.branch_at(path)
