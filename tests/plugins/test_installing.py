"""plugin:install and its kin: where plugins come from, and what is left when one goes."""

import http.server
import os
import socket
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from paas.platform import Platform
from paas.settings import Settings
from tests.commands.conftest import Admin
from tests.plugins.conftest import TOML, script, write

Install = Callable[..., str]
GIT = {
    "GIT_AUTHOR_NAME": "dev",
    "GIT_AUTHOR_EMAIL": "dev@example.com",
    "GIT_COMMITTER_NAME": "dev",
    "GIT_COMMITTER_EMAIL": "dev@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
}


def git(folder: Path, *argv: str) -> str:
    words = ("git", "-C", str(folder), *argv)
    done = subprocess.run(words, env=GIT, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def served(settings: Settings, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which git serves the repositories in it."""
    base, port = tmp_path / "served", settings.http_port  # nobody else's, and no proxy is here
    base.mkdir()
    daemon = subprocess.Popen(
        ["git", "daemon", "--export-all", f"--base-path={base}", "--listen=127.0.0.1",
         f"--port={port}", "--reuseaddr"], env=GIT, start_new_session=True,
    )  # fmt: skip
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert daemon.poll() is None
    yield base, f"git://127.0.0.1:{port}"
    os.killpg(daemon.pid, 9)
    daemon.wait()


def commit(folder: Path, **files: str) -> str:
    write(folder, {name.replace("_", "-"): text for name, text in files.items()})
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")
    return git(folder, "rev-parse", "HEAD")


def listed(root: Admin, name: str) -> dict[str, object]:
    rows = root("plugin:list", "--format", "json").json()
    return next(row for row in rows if row["name"] == name)


# -- git -----------------------------------------------------------------------------------


def test_a_plugin_comes_from_git_and_follows_its_repository(root: Admin, served: tuple[Path, str]):
    base, address = served
    first = commit(base / "dokku-hello", post_stop=script("echo first"))
    out = root.ok("plugin:install", f"{address}/dokku-hello")
    assert "-----> Plugin hello enabled" in out
    assert listed(root, "hello")["revision"] == first
    second = commit(base / "dokku-hello", post_stop=script("echo second"))
    assert root.ok("plugin:trigger", "post-stop") == "first\n"
    assert "Plugin (hello) updated" in root.ok("plugin:update", "hello")
    assert root.ok("plugin:trigger", "post-stop") == "second\n"
    assert "at its newest revision" in root.ok("plugin:update")
    root.ok("plugin:update", "hello", first)
    assert root.ok("plugin:trigger", "post-stop") == "first\n"
    assert listed(root, "hello")["committish"] == first
    assert second != first


def test_a_tag_a_branch_and_another_name_are_taken(root: Admin, served: tuple[Path, str]):
    base, address = served
    tagged = commit(base / "thing", post_stop=script("echo one"))
    git(base / "thing", "tag", "1.0.0")
    git(base / "thing", "branch", "old")
    commit(base / "thing", post_stop=script("echo two"))
    for name, wish in (("a", "1.0.0"), ("b", "old"), ("c", tagged)):
        root.ok("plugin:install", f"{address}/thing", "--committish", wish, "--name", name)
        assert listed(root, name)["revision"] == tagged
    said = root.fails("plugin:install", f"{address}/thing", "--committish", "nowhere")
    assert "no branch, tag or commit nowhere" in said.err


def test_a_repository_that_is_not_there_is_named(root: Admin, platform: Platform,
                                                 served: tuple[Path, str]):  # fmt: skip
    said = root.fails("plugin:install", f"{served[1]}/nothing")
    assert "git failed with 128" in said.err
    assert platform.store.plugins.list() == []
    assert list(platform.plugins.places.staging.iterdir()) == []


# -- archives and folders --------------------------------------------------------------------


def archive(path: Path, entries: dict[str, tarfile.TarInfo | bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in entries.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            data = content if isinstance(content, bytes) else b""
            info.size = len(data)
            info.mode = info.mode if info.mode != 0o644 else 0o755
            file.addfile(info, BytesIO(data))
    return path


def test_an_archive_comes_from_a_path_or_by_http(root: Admin, tmp_path: Path):
    files = {"dokku-one-1.0/plugin.toml": TOML.encode(),
             "dokku-one-1.0/post-stop": script("echo one").encode()}  # fmt: skip
    archive(tmp_path / "dokku-one.tar.gz", files)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/dokku-one.tar.gz"
        assert "Plugin one enabled" in root.ok("plugin:install", url)
        assert "404" in root.fails("plugin:install", url.replace("one", "two")).err
        server.shutdown()
    root.ok("plugin:install", f"file://{tmp_path}/dokku-one.tar.gz", "--name", "two")
    assert root.ok("plugin:trigger", "post-stop") == "one\none\n"


def hardlink(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE, target
    return info


def symlink(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def fifo(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.FIFOTYPE
    return info


@pytest.mark.parametrize(
    "entries",
    [
        {"plugin.toml": symlink("", "/etc/passwd")},
        {"plugin.toml": TOML.encode(), "pipe": fifo("")},
        {
            "plugin.toml": TOML.encode(),
            "post-stop": b"#!/bin/sh\n",
            "twin": hardlink("", "post-stop"),
        },
        {"plugin.toml": TOML.encode(), "stolen": hardlink("", "/etc/passwd")},
        {"plugin.toml": b"not = [toml"},
        {"readme": b"no plugin"},
        {"plugin.toml": b'[paas]\nmay = ["admin"]\n'},
    ],
)
def test_an_archive_that_is_no_honest_plugin_leaves_nothing(
    root: Admin, platform: Platform, tmp_path: Path, entries: dict[str, tarfile.TarInfo | bytes]
):
    root.fails("plugin:install", str(archive(tmp_path / "bad.tgz", entries)))
    assert platform.store.plugins.list() == []
    for place in ("revisions", "available", "enabled"):
        assert list((platform.plugins.places.root / place).iterdir()) == []


def test_an_archive_writes_nowhere_but_into_the_plugin(root: Admin, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    entries = {"plugin.toml": TOML.encode(), "way": symlink("", str(outside)),
               "way/x": b"x", f"..{outside}/y": b"y", f"{outside}/z": b"z"}  # fmt: skip
    root("plugin:install", str(archive(tmp_path / "sly.tgz", entries)))
    assert list(outside.iterdir()) == []


def test_an_executable_that_leads_out_of_the_plugin_is_never_called(
    root: Admin, platform: Platform, tmp_path: Path
):
    folder = write(tmp_path / "leaky", {"real": script("echo mine")})
    (folder / "post-stop").symlink_to("/usr/bin/id")
    (folder / "pre-start").symlink_to("real")
    root.ok("plugin:install", str(folder))
    assert root.ok("plugin:trigger", "post-stop") == ""
    assert root.ok("plugin:trigger", "pre-start") == "mine\n"


def test_the_files_of_a_plugin_are_roots_and_never_change(root: Admin, platform: Platform,
                                                          tmp_path: Path):  # fmt: skip
    folder = write(tmp_path / "own", {"post-stop": script("echo x"), "notes": "y"})
    (folder / "notes").chmod(0o4777)
    root.ok("plugin:install", str(folder))
    for path in (platform.plugins.places.available("own")).resolve().rglob("*"):
        assert (path.stat().st_uid, path.stat().st_mode & 0o7022) == (0, 0), path


# -- setting up --------------------------------------------------------------------------------


def test_setting_up_runs_as_root_and_what_fails_leaves_nothing(
    root: Admin, platform: Platform, install: Install, tmp_path: Path
):
    assert "I am 0" in install("good", install=script("echo I am $(id -u)"))
    bad = write(tmp_path / "bad", {"install": script("echo no such luck >&2; exit 7")})
    said = root("plugin:install", str(bad))
    assert said.status == 1
    assert "plugin bad: trigger install failed with 7 after" in said.err
    assert "no such luck" in said.err
    assert [one.name for one in platform.store.plugins.list()] == ["good"]
    assert not platform.plugins.places.available("bad").is_symlink()
    assert len(list((platform.plugins.places.root / "revisions").iterdir())) == 1


def test_an_update_that_fails_leaves_the_plugin_as_it_was(root: Admin, install: Install,
                                                         tmp_path: Path):  # fmt: skip
    install("one", post_stop=script("echo first"))
    before = listed(root, "one")["revision"]
    write(tmp_path / "one", {"update": script("exit 1"), "post-stop": script("echo second")})
    assert "trigger update failed with 1" in root.fails("plugin:update", "one").err
    assert root.ok("plugin:trigger", "post-stop") == "first\n"
    assert listed(root, "one")["revision"] == before


def test_uninstalling_has_the_plugin_clean_up_and_tells_what_stays(
    root: Admin, platform: Platform, install: Install, tmp_path: Path
):
    note = tmp_path / "note"
    install("one", uninstall=script(f'echo "$1 $(id -u)" > {note}'),
            post_stop=script("echo kept > $DOKKU_LIB_ROOT/kept"))  # fmt: skip
    root.ok("plugin:trigger", "post-stop")
    data = platform.plugins.places.data("one")
    assert f"what it kept is in {data}" in root.ok("plugin:uninstall", "one")
    assert note.read_text() == "one 0\n"
    assert root.fails("plugin:installed", "one").status == 1
    assert list((platform.plugins.places.root / "revisions").iterdir()) == []
    install("one", post_stop=script("cat $DOKKU_LIB_ROOT/kept"))
    assert root.ok("plugin:trigger", "post-stop") == "kept\n"


def test_dependencies_are_installed_when_that_is_asked_for(root: Admin, install: Install):
    install("needy", dependencies=script("echo as $(id -u) on $DOKKU_DISTRO"))
    out = root.ok("plugin:install-dependencies")
    assert "Running dependencies of plugin needy" in out
    assert "as 0 on debian" in out


def test_a_plugin_whose_files_are_gone_is_missing_until_it_is_updated(
    root: Admin, platform: Platform, install: Install
):
    import shutil

    install("one", post_stop=script("echo here"))
    shutil.rmtree(platform.plugins.places.available("one").resolve())
    platform.plugins.refresh()
    assert root.ok("plugin:trigger", "post-stop") == ""
    assert listed(root, "one")["state"] == "missing"
    root.ok("plugin:update", "one")
    assert root.ok("plugin:trigger", "post-stop") == "here\n"


# -- who may, and what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ("plugin:install", "/nowhere"),
        ("plugin:install",),
        ("plugin:update", "one"),
        ("plugin:uninstall", "one"),
        ("plugin:enable", "one"),
        ("plugin:install-dependencies",),
    ],
)
def test_what_runs_code_as_root_is_refused_to_whoever_comes_by_ssh(
    admin: Admin, argv: tuple[str, ...]
):
    said = admin.fails(*argv)
    assert said.status == 77
    assert "only root on the server" in said.err


def test_plugins_are_switched_and_looked_at_by_every_administrator(
    root: Admin, admin: Admin, install: Install
):
    install("one", post_stop=script("echo called"))
    admin.ok("plugin:installed", "one")
    assert "one                  0.1.0      enabled    a plugin of the tests" in admin.ok(
        "plugin:list"
    )
    admin.ok("plugin:disable", "one")
    assert admin.ok("plugin:trigger", "post-stop") == ""
    assert "one                  0.1.0      disabled" in admin.ok("plugin:list")
    root.ok("plugin:enable", "one")
    assert admin.ok("plugin:trigger", "post-stop") == "called\n"
    details = [one.detail.split(" from ")[0] for one in root.platform.store.events.list()]
    revision = listed(root, "one")["revision"]
    assert f"Install one ({str(revision)[:12]})" in details
    assert [one for one in details if one in ("Disable one", "Enable one")] == [
        "Disable one",
        "Enable one",
    ]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hello", "is not where a plugin can be"),
        ("ext::sh -c id", "is not where a plugin can be"),
        ("file:relative", "is not where a plugin can be"),
        ("-x", "No such option"),
        ("/nowhere/at-all", "there is no folder /nowhere/at-all"),
        ("https://example.invalid/UPPER.git", "is not a name for a plugin"),
        ("https://example.invalid/x.tar.gz", "cannot be fetched"),
        ("/etc/hooks", "cannot be called hooks"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused_in_a_sentence(
    root: Admin, address: str, words: str
):
    assert words in root.fails("plugin:install", address).err


def test_what_paas_brings_itself_needs_no_plugin(root: Admin):
    out = root.ok("plugin:install", "https://github.com/dokku/dokku-registry.git")
    assert "paas has registry itself: nothing was installed" in out
    root.ok("plugin:installed", "registry")
    assert "paas core: " in root.ok("plugin:list")


def test_a_plugin_is_told_which_of_its_triggers_are_never_called(install: Install, root: Admin,
                                                                tmp_path: Path):  # fmt: skip
    folder = write(
        tmp_path / "old", {"post-extract": script("true"), "docker-args-run": script("true")}
    )
    said = root("plugin:install", str(folder))
    assert said.status == 0
    assert "post-extract of plugin old is never called: an app's source is unpacked in" in said.err
    assert (
        "docker-args-run of plugin old is never called: options of containers are typed" in said.err
    )


def test_the_same_name_twice_is_refused(root: Admin, install: Install, tmp_path: Path):
    install("one")
    assert (
        "plugin one is installed already" in root.fails("plugin:install", str(tmp_path / "one")).err
    )


def test_unknown_plugins_are_named(root: Admin):
    for verb in ("update", "uninstall", "enable", "disable"):
        assert "plugin ghost is not installed" in root.fails(f"plugin:{verb}", "ghost").err
    assert "is not installed" in root.fails("plugin:installed", "ghost").err
