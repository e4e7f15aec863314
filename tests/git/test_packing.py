"""Repositories as bundles: refs and objects, nothing else, and only what git finds whole."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from paas.command import Runner
from paas.errors import PaasError
from paas.git.packing import KEPT, Packing
from paas.git.repositories import Repositories
from paas.settings import Settings


@pytest.fixture
def repositories(settings: Settings) -> Repositories:
    settings.state_dir.chmod(0o711)
    settings.state_dir.parent.chmod(0o711)
    return Repositories(settings, Runner())


@pytest.fixture
def packing(settings: Settings) -> Packing:
    return Packing(settings, Runner())


CONFIG = "[safe]\n\tdirectory = *\n[user]\n\tname = x\n\temail = x@example.com\n"


def git(*argv: str, cwd: Path) -> str:
    with tempfile.NamedTemporaryFile("w") as config:
        config.write(CONFIG)
        config.flush()
        env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": config.name}
        done = subprocess.run(["git", *argv], cwd=cwd, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture
def blog(repositories: Repositories, settings: Settings, tmp_path: Path) -> Path:
    """A repository with two branches and three commits."""
    path = repositories.ensure("blog")
    work = tmp_path / "work"
    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work)
    for number in range(3):
        (work / f"file-{number}").write_text(str(number))
        git("add", ".", cwd=work)
        git("commit", "-q", "-m", f"commit {number}", cwd=work)
    git("branch", "feature/ü", cwd=work)
    git("push", "-q", str(path), "main", "feature/ü", cwd=work)
    subprocess.run(["chown", "-R", f"{settings.git_uid}:{settings.git_uid}", path], check=True)
    return path


def copy(
    packing: Packing, repositories: Repositories, source: Path, refs: dict[str, str],
    name: str = "copy",
) -> Path:  # fmt: skip
    draft = repositories.draft(name, "tag")
    with tempfile.TemporaryFile() as bundle:
        packing.write(source, refs, bundle)
        packing.read(draft, bundle, packing.shallow(source))
    repositories.adopt(draft, name)
    return repositories.path(name)


def test_a_copy_has_the_same_refs_and_every_object(
    packing: Packing, repositories: Repositories, blog: Path, settings: Settings
):
    refs = packing.refs(blog)
    assert set(refs) == {"refs/heads/main", "refs/heads/feature/ü"}
    made = copy(packing, repositories, blog, refs)
    assert packing.refs(made) == refs
    assert "missing" not in git("fsck", "--full", cwd=made)
    assert {path.stat().st_uid for path in made.rglob("*.pack")} == {settings.git_uid}


def test_config_hooks_and_stray_files_do_not_travel(
    packing: Packing, repositories: Repositories, blog: Path
):
    (blog / "hooks").mkdir()
    (blog / "hooks" / "post-receive").write_text("#!/bin/sh\ntouch /tmp/pwned\n")
    with (blog / "config").open("a") as config:
        config.write("[core]\n\tfsmonitor = touch /tmp/pwned\n")
    (blog / "stray").symlink_to("/etc/passwd")
    made = copy(packing, repositories, blog, packing.refs(blog))
    assert not (made / "hooks").exists()
    assert not (made / "stray").exists()
    assert "fsmonitor" not in (made / "config").read_text()


def test_a_commit_that_no_branch_has_is_kept_under_a_hidden_ref(
    packing: Packing, repositories: Repositories, blog: Path
):
    refs = packing.refs(blog)
    old = git("rev-parse", "main", cwd=blog)
    first = git("rev-parse", "main~2", cwd=blog)
    before = {"refs/heads/main": first}
    assert packing.unreachable(blog, [old, first], before.values()) == {old}
    made = copy(packing, repositories, blog, {**before, f"{KEPT}v3": refs["refs/heads/main"]})
    assert packing.present(made, [old, first, "1" * 40]) == {old, first}


def test_a_shallow_repository_stays_one(
    packing: Packing, repositories: Repositories, blog: Path, settings: Settings, tmp_path: Path
):
    git("clone", "-q", "--depth", "1", f"file://{blog}", str(tmp_path / "shallow"), cwd=tmp_path)
    target = repositories.ensure("shallow")
    receive = "git -c receive.shallowUpdate=true receive-pack"
    git("push", "-q", f"--receive-pack={receive}", str(target), "main", cwd=tmp_path / "shallow")
    subprocess.run(["chown", "-R", f"{settings.git_uid}:{settings.git_uid}", target], check=True)
    made = copy(packing, repositories, target, packing.refs(target))
    assert packing.shallow(made) == packing.shallow(target) != b""
    assert git("rev-list", "--count", "main", cwd=made) == "1"


def test_a_bundle_can_be_cloned_by_git_itself(packing: Packing, blog: Path, tmp_path: Path):
    with (tmp_path / "blog.bundle").open("w+b") as bundle:
        packing.write(blog, packing.refs(blog), bundle)
    git("clone", "-q", "-b", "main", "blog.bundle", "cloned", cwd=tmp_path)
    assert (tmp_path / "cloned" / "file-2").read_text() == "2"


@pytest.mark.parametrize("harm", ["flip", "cut", "no pack", "no bundle", "bad ref", "missing"])
def test_a_bundle_that_was_tampered_with_is_refused(
    packing: Packing, repositories: Repositories, blog: Path, harm: str
):
    with tempfile.TemporaryFile() as bundle:
        packing.write(blog, packing.refs(blog), bundle)
        bundle.seek(0)
        data = bytearray(bundle.read())
    head = data.index(b"PACK")
    if harm == "flip":
        data[(head + len(data)) // 2] ^= 1
    changed = {
        "flip": bytes(data),
        "cut": bytes(data[:-30]),
        "no pack": bytes(data[:head]),
        "no bundle": b"hello" + bytes(data),
        "bad ref": bytes(data).replace(b"refs/heads/main", b"refs/../../main"),
        "missing": b"# v2 git bundle\n" + b"1" * 40 + b" refs/heads/main\n\n" + data[head:],
    }[harm]
    draft = repositories.draft("copy", "tag")
    with tempfile.TemporaryFile() as bundle, pytest.raises(PaasError):
        bundle.write(changed)
        packing.read(draft, bundle)


def test_a_draft_is_swept_away(repositories: Repositories, blog: Path):
    draft = repositories.draft("copy", "tag")
    repositories.sweep()
    assert not draft.exists()
    assert blog.exists()
