"""git push, clone and refusals through the SSH door, with the ordinary git client."""

import os
import signal
import subprocess

import pytest

from tests.e2e.instance import end_group


def push(world, source, *refs, app="blog", check=False):
    return world.git("push", world.remote(app), *(refs or ("main",)), cwd=source, check=check)


def head(world, source):
    return world.git("rev-parse", "HEAD", cwd=source).stdout.strip()


def commit(world, source, name="more"):
    (source / name).write_text(name)
    world.git("add", ".", cwd=source)
    world.git("commit", "-q", "-m", name, cwd=source)


def test_a_push_deploys_and_its_log_is_the_clients(world):
    source = world.checkout()
    done = push(world, source)
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stderr.splitlines()]
    assert lines == [
        "remote: -----> Deploying 2 files",
        "remote: =====> Application deployed:",
        f"To {world.remote().replace('paas@', '')}",
        " * [new branch]      main -> main",
    ]
    assert world.repositories.branches("blog") == {"main": head(world, source)}


@pytest.mark.parametrize("path", ["blog", "blog.git", "~/blog", "blog/"])
def test_a_repository_path_may_be_written_in_the_usual_ways(world, path):
    source = world.checkout()
    remote = f"ssh://paas@127.0.0.1:{world.settings.ssh_port}/{path}"
    assert world.git("push", remote, "main", cwd=source, check=False).returncode == 0
    assert world.repositories.exists("blog")


@pytest.mark.parametrize("path", ["../etc", "-x", "Blog", "a/b", ".", "a..b", "x" * 64, "a;b"])
def test_other_paths_are_refused_and_make_nothing(world, path):
    done = world.ssh(f"git-receive-pack '/{path}'")
    assert done.returncode != 0
    assert b"not allowed" in done.stderr
    repositories = world.settings.state_dir / "repos"
    assert not repositories.exists() or not list(repositories.iterdir())


def test_what_the_deploy_refuses_before_the_push_is_said(world):
    world.locked.add("blog")
    done = push(world, world.checkout())
    assert done.returncode != 0
    assert "blog is locked: deploys are refused" in done.stderr
    assert "paas apps:unlock blog" in done.stderr


def test_a_failed_deploy_rejects_the_push_and_the_same_push_works_again(world):
    source = world.checkout()
    done = push(world, source, "main:broken")
    assert done.returncode != 0
    assert "remote:  !     the build failed: no such thing" in done.stderr
    assert "pre-receive hook declined" in done.stderr
    assert world.repositories.branches("blog") == {}
    assert push(world, source).returncode == 0


def test_a_forced_push_is_taken(world):
    source = world.checkout()
    commit(world, source)
    push(world, source, check=True)
    world.git("reset", "-q", "--hard", "HEAD~1", cwd=source)
    commit(world, source, "other")
    assert push(world, source).returncode != 0
    assert push(world, source, "+main").returncode == 0
    assert world.repositories.branches("blog") == {"main": head(world, source)}


def test_deleting_is_refused(world):
    source = world.checkout()
    push(world, source, check=True)
    done = push(world, source, ":main")
    assert done.returncode != 0
    assert "deleting is refused" in done.stderr
    assert world.repositories.branches("blog") == {"main": head(world, source)}


def test_a_tag_reaches_the_hook(world):
    source = world.checkout()
    world.git("tag", "v1", cwd=source)
    done = push(world, source, "v1")
    assert done.returncode != 0
    assert "tags are not deployed" in done.stderr
    assert world.seen.get_nowait() == "blog refs/tags/v1"


def test_a_shallow_clone_as_ci_makes_it_can_be_pushed(world):
    source = world.checkout()
    for name in ("a", "b", "c"):
        commit(world, source, name)
    world.git("clone", "-q", "--depth=1", source.as_uri(), "shallow", cwd=world.directory)
    shallow = world.directory / "shallow"
    done = push(world, shallow)
    assert done.returncode == 0, done.stderr
    assert "Deploying 5 files" in done.stderr
    commit(world, shallow, "d")
    assert push(world, shallow).returncode == 0
    commit(world, source, "e")
    assert push(world, source, "+main").returncode == 0
    world.git("clone", "-q", world.remote(), "copy", cwd=world.directory)


def test_a_clone_gives_back_what_was_pushed(world):
    source = world.checkout()
    push(world, source, check=True)
    world.git("clone", "-q", world.remote(), "copy", cwd=world.directory)
    assert (world.directory / "copy" / "index.html").read_text() == "hello\n"


def test_cloning_an_unknown_app_is_an_error(world):
    done = world.git("clone", world.remote("nothing"), "copy", cwd=world.directory, check=False)
    assert done.returncode != 0
    assert "App nothing does not exist" in done.stderr
    assert not world.repositories.exists("nothing")


def test_git_archive_is_refused_with_a_sentence(world):
    done = world.ssh("git-upload-archive '/blog'")
    assert done.returncode == 2
    assert b"use git clone instead" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_pusher_who_leaves_cancels_the_deploy(world, number):
    source = world.checkout()
    client = subprocess.Popen(
        ["git", "push", world.remote(), "main:slow"],
        cwd=source,
        env=world.client_environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while world.seen.get(timeout=60) != "deploying":
        pass
    end_group(client, number)
    assert world.seen.get(timeout=60) == "deploy cancelled"
    assert world.repositories.branches("blog") == {}
    assert world.sessions.wait(60)


def test_a_pack_over_the_limit_is_refused_cleanly(world, monkeypatch):
    source = world.checkout()
    (source / "large").write_bytes(os.urandom(3 << 20))
    world.git("add", ".", cwd=source)
    world.git("commit", "-q", "-m", "large", cwd=source)
    from paas.git import invocation, repositories

    original = invocation.receive_options
    monkeypatch.setattr(
        repositories,
        "receive_options",
        lambda settings: (*original(settings), "-c", "receive.maxInputSize=1000000"),
    )
    done = push(world, source)
    assert done.returncode != 0
    assert "pack exceeds maximum allowed size" in done.stderr
    assert world.repositories.branches("blog") == {}


def hostile_commit(world, source, listing):
    blob = world.git("hash-object", "-w", "index.html", cwd=source).stdout.strip()
    entry = listing.replace("BLOB", blob)
    made = subprocess.run(
        ["git", "mktree", "--missing"],
        input=entry,
        cwd=source,
        capture_output=True,
        text=True,
        check=True,
    )
    tree = made.stdout.strip()
    if listing.startswith("100644"):
        raise AssertionError(listing)
    return world.git("commit-tree", "-m", "x", tree, cwd=source).stdout.strip()


def test_a_tree_with_a_git_directory_is_refused(world):
    source = world.checkout()
    inner = world.git("rev-parse", "HEAD^{tree}", cwd=source).stdout.strip()
    bad = hostile_commit(world, source, f"040000 tree {inner}\t.git\n")
    done = push(world, source, f"{bad}:refs/heads/main")
    assert done.returncode != 0
    assert "hasDotgit" in done.stderr
    assert world.repositories.branches("blog") == {}


def test_garbage_instead_of_a_pack_ends_in_an_error(world):
    done = world.ssh("git-receive-pack '/blog'", input=b"0000garbage" * 1000)
    assert done.returncode in (0, 128)
    assert world.repositories.branches("blog") == {}


def test_hooks_alone_may_call_the_hook_and_only_with_a_token(world):
    done = world.ssh("hook:pre-receive", input=b"")
    assert done.returncode != 0
    done = world.paas("hook:pre-receive", input=b"")
    assert done.returncode == 77
    assert b"hooks are called by git alone" in done.stderr


def test_many_files_and_megabytes_arrive_whole(world):
    source = world.checkout()
    for number in range(2000):
        (source / f"file{number}").write_bytes(os.urandom(4096))
    world.git("add", ".", cwd=source)
    world.git("commit", "-q", "-m", "many", cwd=source)
    done = push(world, source)
    assert "Deploying 2002 files" in done.stderr, done.stderr
