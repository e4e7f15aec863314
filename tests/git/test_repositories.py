"""Repositories read and written by the git user, against commits made with GitPython."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import git
import pytest

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.git import hooks, pushes
from paas.git.repositories import Repositories, quarantine


@pytest.fixture
def repositories(settings):
    for directory in (settings.state_dir.parent, settings.state_dir):
        directory.chmod(0o711)
    return Repositories(settings, Runner())


@pytest.fixture
def source(tmp_path):
    made = git.Repo.init(tmp_path / "source", initial_branch="main")
    made.git.update_environment(
        GIT_AUTHOR_NAME="T",
        GIT_AUTHOR_EMAIL="t@example.com",
        GIT_COMMITTER_NAME="T",
        GIT_COMMITTER_EMAIL="t@example.com",
    )
    return made


def commit(source, files):
    for name, content in files.items():
        path = Path(source.working_dir) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    source.git.add("-A")
    source.git.commit("-q", "-m", "c")
    return source.head.commit.hexsha


def store(repositories, source, app="blog"):
    """Put the source's main into the app's repository, as git's own files."""
    path = repositories.ensure(app)
    bundle = Path(source.working_dir).parent / "bundle"
    source.git.bundle("create", str(bundle), "main")
    git.Git(path).execute(
        ["git", "-c", f"safe.directory={path}", "fetch", "-q", str(bundle), "main:main"]
    )
    uid = path.stat().st_uid
    for base, directories, files in os.walk(path):
        for name in (*directories, *files):
            os.chown(Path(base) / name, uid, uid)
    return path


def members(archive):
    data, _ = archive.communicate()
    assert archive.returncode == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {
            entry.name: tar.extractfile(entry).read() if entry.isfile() else None
            for entry in tar.getmembers()
        }


def test_a_new_repository_belongs_to_the_git_user_and_is_closed_to_others(repositories, settings):
    path = repositories.ensure("blog")
    assert path == settings.state_dir / "repos" / "blog.git"
    assert (path / "HEAD").stat().st_uid == settings.git_uid
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert (path / "HEAD").read_text() == "ref: refs/heads/main\n"
    assert not list((path / "hooks").iterdir()) if (path / "hooks").exists() else True
    before = path.stat().st_ino
    assert repositories.ensure("blog").stat().st_ino == before


def test_a_half_made_repository_is_made_anew(repositories):
    repositories.ensure("other")
    half = repositories.path("blog")
    half.mkdir()
    repositories.ensure("blog")
    assert repositories.exists("blog")


def test_rename_and_remove(repositories):
    repositories.ensure("blog")
    repositories.rename("blog", "news")
    assert (repositories.exists("blog"), repositories.exists("news")) == (False, True)
    repositories.ensure("blog")
    with pytest.raises(PaasError, match="exists already"):
        repositories.rename("blog", "news")
    repositories.remove("news")
    repositories.remove("news")
    assert not repositories.exists("news")


@pytest.mark.parametrize("name", ["..", "a/b", "-x", "", "a\n", "A"])
def test_a_path_is_only_made_of_a_good_name(repositories, name):
    with pytest.raises(PaasError):
        repositories.path(name)


def test_the_tree_lists_modes_ids_sizes_and_odd_names(repositories, source):
    names = {"a file": b"12345", "deep/new\nline": b"", "ünïcode": b"x", "-dash": b"y"}
    (Path(source.working_dir) / "link").symlink_to("/etc/passwd")
    sha = commit(source, {**names, "bytes": b"z"})
    store(repositories, source)
    entries = {entry.path: entry for entry in repositories.tree("blog", sha, {})}
    assert set(entries) == {*names, "bytes", "link"}
    assert (entries["a file"].mode, entries["a file"].size) == ("100644", 5)
    assert entries["link"].mode == "120000"
    assert repositories.blob("blog", entries["link"].oid, {}, 100) == b"/etc/passwd"


def test_a_submodule_is_listed_with_its_mode(repositories, source):
    commit(source, {"a": b"1"})
    source.git.update_index("--add", "--cacheinfo", f"160000,{'1' * 40},vendor")
    source.git.commit("-q", "-m", "submodule")
    sha = source.head.commit.hexsha
    store(repositories, source)
    modes = {entry.path: entry.mode for entry in repositories.tree("blog", sha, {})}
    assert modes == {"a": "100644", "vendor": "160000"}


def test_a_blob_is_cut_at_the_limit(repositories, source):
    sha = commit(source, {"large": b"x" * 3_000_000})
    store(repositories, source)
    (entry,) = repositories.tree("blog", sha, {})
    assert len(repositories.blob("blog", entry.oid, {}, 1000)) == 1000
    assert len(repositories.blob("blog", entry.oid, {}, 10_000_000)) == 3_000_000


def test_an_archive_holds_everything_whatever_the_tree_asks_for(repositories, source):
    attributes = b"secret export-ignore\nversion export-subst\n* filter=evil\n"
    sha = commit(
        source,
        {".gitattributes": attributes, "secret": b"kept", "version": b"$Format:%H$", "d/x": b"1"},
    )
    store(repositories, source)
    found = members(repositories.archive("blog", sha, {}))
    assert found["secret"] == b"kept"
    assert found["version"] == b"$Format:%H$"
    assert found["d/x"] == b"1"


def test_an_archive_of_some_paths_takes_them_literally(repositories, source):
    sha = commit(source, {"a*": b"star", "abc": b"no", ":(top)x": b"magic", "d/e": b"deep"})
    store(repositories, source)
    found = members(repositories.archive("blog", sha, {}, ("a*", ":(top)x", "d/e")))
    assert {name for name, data in found.items() if data is not None} == {"a*", ":(top)x", "d/e"}


@pytest.mark.parametrize("commit_id", ["main", "HEAD", "--output=/tmp/x", "", "g" * 40, "a" * 39])
def test_only_full_ids_are_commits(repositories, commit_id):
    repositories.ensure("blog")
    with pytest.raises(PaasError, match="not a commit id"):
        repositories.tree("blog", commit_id, {})


def test_a_missing_commit_is_an_error(repositories):
    repositories.ensure("blog")
    with pytest.raises(CommandFailed):
        repositories.tree("blog", "1" * 40, {})


def test_quarantine_stays_inside_the_repository(repositories):
    path = repositories.ensure("blog")
    inside = {"GIT_OBJECT_DIRECTORY": f"{path}/objects/incoming-x", "PATH": "/evil"}
    assert quarantine(path, inside) == {"GIT_OBJECT_DIRECTORY": f"{path}/objects/incoming-x"}
    for value in ("/etc", f"{path}/objects/../../other.git/objects", str(path)):
        with pytest.raises(PaasError):
            quarantine(path, {"GIT_ALTERNATE_OBJECT_DIRECTORIES": value})


def test_branches(repositories, source):
    sha = commit(source, {"a": b"1"})
    store(repositories, source)
    assert repositories.branches("blog") == {"main": sha}
    assert repositories.branches("other") == {}


def test_branches_are_what_git_says_they_are_packed_or_not(repositories, source, settings):
    first = commit(source, {"a": b"1"})
    store(repositories, source)
    path = repositories.path("blog")

    def git(*argv: str) -> str:
        done = subprocess.run(
            ["git", "-C", path, *argv],
            capture_output=True, check=True, text=True, user=settings.git_uid,
        )  # fmt: skip
        return done.stdout

    for name in ("with/slash", "gone", "dot.ted"):
        git("branch", name, first)
    git("-c", "user.name=a", "-c", "user.email=a@b", "tag", "-m", "a tag", "v1", first)
    git("pack-refs", "--all")
    git("branch", "-D", "gone")
    second = commit(source, {"a": b"2"})
    store(repositories, source)  # main is packed at one, and has a file of its own at the other
    (path / "refs" / "heads" / "main.lock").write_text("")
    listed = git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    told = dict(line.split(" ") for line in listed.splitlines())
    assert repositories.branches("blog") == told
    assert told == {"main": second, "with/slash": first, "dot.ted": first}


def test_installed_hooks_are_roots_and_start_the_client_beside_them(settings):
    target = hooks.install(settings)
    assert {path.name for path in target.iterdir()} == {"paas", "pre-receive"}
    for path in (target, *target.iterdir()):
        assert path.stat().st_uid == 0
        assert path.stat().st_mode & 0o777 == 0o755


def test_a_token_is_worth_nothing_after_its_push():
    with pushes.registered("blog", None, None) as token:
        assert pushes.find(token).app == "blog"
    for wrong in (token, "", "x"):
        with pytest.raises(PaasError, match="already over"):
            pushes.find(wrong)
