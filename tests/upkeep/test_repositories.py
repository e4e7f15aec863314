"""Git's garbage: only without a push, ended by one that comes, and releases keep their commits."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from paas.console import silent
from paas.errors import PaasError
from paas.git import pushes
from paas.git.tidying import Tidying, is_untidy
from paas.model.app import App
from paas.model.release import Image
from paas.platform import Platform
from tests.commands.conftest import ADMIN, Admin
from tests.upkeep.conftest import Collect, freed


@pytest.fixture
def app(platform: Platform) -> App:
    made = platform.store.apps.create("blog")
    platform.repositories.ensure("blog")
    return made


def git(platform: Platform, *argv: str, stdin: str = "") -> str:
    uid = platform.settings.git_uid
    path = platform.repositories.path("blog")
    return subprocess.run(
        ["git", f"--git-dir={path}", *argv],
        user=uid,
        group=uid,
        extra_groups=[],
        input=stdin.encode(),
        env={
            "PATH": os.environ["PATH"],
            "GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x", "GIT_COMMITTER_NAME": "x",
            "GIT_COMMITTER_EMAIL": "x", "HOME": "/nonexistent",
        },
        check=True,
        capture_output=True,
    ).stdout.decode().strip()  # fmt: skip


def commit(platform: Platform, text: str) -> str:
    """A commit of one file that no branch leads to."""
    blob = git(platform, "hash-object", "-w", "--stdin", stdin=text)
    tree = git(platform, "mktree", stdin=f"100644 blob {blob}\tfile\n")
    return git(platform, "commit-tree", "-m", "change", tree)


def has(platform: Platform, object_id: str) -> bool:
    try:
        git(platform, "cat-file", "-e", object_id)
    except subprocess.CalledProcessError:
        return False
    return True


def release(platform: Platform, app: App, commit_id: str) -> None:
    image = Image("x", (), {"web": "x"}, commit=commit_id)
    platform.store.releases.succeed(platform.store.releases.cut(app, image, {}, "Deploy"))


def test_what_no_branch_and_no_release_leads_to_goes(admin: Admin, platform: Platform, app: App):
    kept, released, lost = (commit(platform, text) for text in ("kept", "released", "lost" * 9999))
    git(platform, "update-ref", "refs/heads/main", kept)
    release(platform, app, released)
    release(platform, app, "f" * 40)  # of an image that came without a repository
    said = admin("repo:gc", "blog", "--format", "json").json()
    assert [one["kind"] for one in said["freed"]] == ["repository"]
    assert [has(platform, one) for one in (kept, released, lost)] == [True, True, False]
    platform.store.releases.prune(app, 0)
    release(platform, app, kept)
    platform.store.releases.prune(app, 1)
    admin.ok("repo:gc", "blog")
    assert not has(platform, released)
    assert (
        git(platform, "for-each-ref", "refs/paas/kept") == f"{kept} commit\trefs/paas/kept/{kept}"
    )


def test_only_an_untidy_repository_is_tidied_by_itself(
    platform: Platform, app: App, collect: Collect
):
    lost = commit(platform, "lost")
    collect()
    assert has(platform, lost)
    folder = platform.repositories.path("blog") / "objects" / "17"
    folder.mkdir(exist_ok=True)
    os.chown(folder, platform.settings.git_uid, platform.settings.git_uid)
    for number in range(10):
        (folder / f"{number:038x}").touch()
    assert is_untidy(platform.repositories.path("blog"))
    for path in (platform.repositories.path("blog") / "objects").rglob("*"):
        os.utime(path, (1, 1))
    for number in range(10):
        (folder / f"{number:038x}").unlink()
    for number in range(25):
        (platform.repositories.path("blog") / "objects" / "pack" / f"{number}.pack").touch()
    collect()
    assert not has(platform, lost)


def test_nothing_is_touched_while_a_push_is_under_way(
    platform: Platform, app: App, collect: Collect
):
    lost = commit(platform, "lost")
    with silent() as console, pushes.registered("blog", ADMIN, console):
        outcome = collect(everything=True)
    assert outcome.busy == ("blog",)
    assert has(platform, lost)
    collect(everything=True)
    assert not has(platform, lost)


def waiting(entered: threading.Event, ended: threading.Event) -> Callable[[], None]:
    def run() -> None:
        with pushes.quiet("blog", ended.set) as free:
            assert free
            entered.set()
            ended.wait(60)

    return run


def test_a_push_that_comes_ends_what_runs_and_waits_for_its_end():
    entered, ended = threading.Event(), threading.Event()
    thread = threading.Thread(target=waiting(entered, ended))
    thread.start()
    assert entered.wait(60)
    with ExitStack() as stack:
        console = stack.enter_context(silent())
        with pushes.registered("shop", ADMIN, console):
            assert not ended.is_set()  # another app's push is no matter
        stack.enter_context(pushes.registered("blog", ADMIN, console))
        assert ended.is_set()
        assert not pushes._quiet
        with pushes.quiet("blog", lambda: None) as free:
            assert not free
    thread.join(60)
    with pushes.quiet("blog", lambda: None) as free:
        assert free


def test_git_that_is_ended_leaves_no_process_no_lock_and_a_whole_repository(
    platform: Platform, app: App
):
    kept = commit(platform, "kept")
    git(platform, "update-ref", "refs/heads/main", kept)
    path = platform.repositories.path("blog")
    work = Tidying(platform.settings, platform.runner, path)
    work.end()
    assert not work.run([kept], expire="now", aggressive=False, timeout_s=60)
    slow = Tidying(platform.settings, platform.runner, path)
    with pytest.raises(PaasError, match=r"blog.git within 0 s"):
        slow.run([], expire="now", aggressive=True, timeout_s=0)
    assert list(path.rglob("*.lock")) == []
    assert has(platform, kept)
    assert Tidying(platform.settings, platform.runner, path).run(
        [kept], expire="now", aggressive=False, timeout_s=60
    )


def test_git_is_ended_in_the_middle_of_its_work(platform: Platform, app: App):
    """A repository large enough that packing it takes a while."""
    lines = "".join(f"line {number} {number * 7919 % 104729}\n" for number in range(20_000))
    for number in range(12):
        git(
            platform,
            "update-ref",
            f"refs/heads/b{number}",
            commit(platform, lines * 3 + str(number)),
        )
    path = platform.repositories.path("blog")
    work = Tidying(platform.settings, platform.runner, path)
    done: list[bool] = []
    thread = threading.Thread(
        target=lambda: done.append(work.run([], expire="now", aggressive=True, timeout_s=120))
    )
    thread.start()
    deadline = time.monotonic() + 60
    while not list(path.glob("objects/pack/tmp_pack_*")) and thread.is_alive():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    work.end()
    thread.join(60)
    assert done in ([False], [True])  # it may just have finished
    git(platform, "fsck", "--connectivity-only")
    assert list(path.rglob("*.lock")) == []


def test_the_report_has_no_repository_that_did_not_get_smaller(
    platform: Platform, app: App, collect: Collect
):
    collect(everything=True)
    assert freed(collect(everything=True), "repository") == []
