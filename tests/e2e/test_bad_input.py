"""Whatever is pushed: a clear sentence, the old release serving, nothing left behind."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN


@pytest.fixture
def serving(platform: Instance, request: pytest.FixtureRequest) -> Iterator[Repository]:
    """A deployed app; after the test it still serves its first page."""
    name = "bad" + str(abs(hash(request.node.name)) % 10**8)
    repository = platform.repository(name)
    repository.deploy({**PLAIN, "page.txt": "first"})
    before = repository.git("ls-remote", "paas").stdout
    yield repository
    assert platform.get(name).text == "first"
    assert repository.git("ls-remote", "paas").stdout == before
    containers = platform.json("ps:inspect", name)
    assert len([one for one in containers if one["running"]]) == 1


def test_a_procfile_error_names_the_line(serving: Repository):
    assert "line 2" in serving.fail({"Procfile": "web: python3 server.py\nwhat is this\n"})


def test_an_empty_commit_tree_has_nothing_to_deploy(serving: Repository):
    serving.git("rm", "-rq", ".")
    assert "the commit has no files" in serving.fail()


def test_a_submodule_is_named(serving: Repository):
    commit = serving.git("rev-parse", "HEAD").stdout.decode().strip()
    serving.git("update-index", "--add", "--cacheinfo", f"160000,{commit},vendor/lib")
    serving.git("commit", "-qm", "submodule")
    done = serving.push()
    assert done.returncode != 0
    assert b"vendor/lib is a git submodule" in done.stderr


def test_an_lfs_pointer_is_named(serving: Repository):
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    output = serving.fail({".gitattributes": "*.bin filter=lfs -text\n", "data.bin": pointer})
    assert "data.bin is a Git LFS pointer" in output


def test_a_symbolic_link_out_of_the_tree_is_named(serving: Repository):
    (serving.path / "passwd").symlink_to("/etc/passwd")
    assert "the symbolic link passwd points outside the repository" in serving.fail()


def test_a_dependency_that_does_not_exist_is_named(serving: Repository):
    output = serving.fail({"requirements.txt": "no-such-package-of-ours-at-all==9.9\n"})
    assert "no-such-package-of-ours-at-all" in output
    assert " !     " in output


def test_a_missing_node_lockfile_is_explained(serving: Repository):
    output = serving.fail(
        {"package.json": '{"name": "x", "version": "1.0.0", "scripts": {"start": "node x.js"},'
         ' "dependencies": {"express": "4"}}'}
    )  # fmt: skip
    assert "lock" in output


def test_nothing_recognisable_says_what_would_be(platform: Instance):
    output = platform.repository("unknown").fail({"notes.txt": "hello"})
    assert "requirements.txt" in output
    assert "package.json" in output


def test_an_app_that_never_listens_fails_with_its_last_log_lines(serving: Repository):
    output = serving.fail(
        {"server.py": "import time\nprint('thinking', flush=True)\ntime.sleep(600)\n"}
    )
    assert "did not listen on port 5000 within 30 s" in output
    assert "thinking" in output


def test_an_app_that_only_itself_can_reach_is_told_so_and_what_mends_it(serving: Repository):
    source = (
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
        "HTTPServer(('127.0.0.1', 5000), SimpleHTTPRequestHandler).serve_forever()\n"
    )
    output = serving.fail({"server.py": source})
    assert "it listens on 127.0.0.1:5000, which only the container itself can reach" in output
    assert "listen on 0.0.0.0 instead of 127.0.0.1" in output


def test_an_app_that_crashes_at_its_start_fails_at_once_with_its_traceback(serving: Repository):
    output = serving.fail({"server.py": "raise SystemExit('no database')\n"})
    assert "exited with code 1" in output
    assert "no database" in output


def test_a_tree_with_a_git_folder_is_refused_by_git(serving: Repository):
    blob = serving.git("hash-object", "-w", "page.txt").stdout.decode().strip()
    inner = subprocess.run(
        ["git", "-C", str(serving.path), "mktree"],
        input=f"100644 blob {blob}\tconfig\n".encode(), capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    outer = subprocess.run(
        ["git", "-C", str(serving.path), "mktree"],
        input=f"040000 tree {inner}\t.git\n".encode(), capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    commit = serving.git("commit-tree", outer, "-m", "evil").stdout.decode().strip()
    done = serving.push(f"{commit}:refs/heads/main", "--force")
    assert done.returncode != 0
    assert b"hasDotgit" in done.stderr


@pytest.mark.parametrize("name", ["UPPER", "-x", "a..b", "a_b", "a" * 70, "ünicode", "a;id"])
def test_a_strange_app_name_is_refused(platform: Instance, name: str):
    done = platform.ssh("apps:create", name)
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert name not in platform.ok("apps:list")
