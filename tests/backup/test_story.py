"""A machine is backed up while it works, lost, and made again elsewhere; then twice."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from paas.plugins.places import FIRST_UID
from tests.backup import stage, volume
from tests.backup.stage import APPS, Load
from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN

SECRET = "five words are a passphrase"


@dataclass
class Story:
    """What the first instance had and said; it is gone. second has images, third has none."""

    facts: dict[str, object]
    releases: dict[str, list[tuple[object, ...]]]
    pages: dict[str, str]
    volume: dict[str, tuple[object, ...]]
    home: Path
    pushed: list[str]
    archives: Path
    second: Instance
    restored: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    kept = tmp_path_factory.mktemp("kept")
    with ExitStack() as later:
        with stage.instance(subnet_prefix=24) as first:
            repositories = stage.fill(first)
            busy = first.repository("busy")
            busy.deploy({**PLAIN, "page.txt": "quiet"})
            first.ssh("version")  # the host is known from here on
            told = stage.facts(first)
            releases = {app: stage.releases(first, app) for app in APPS}
            pages = {app: first.get(app).text for app in ("blog", "shut", "site")}
            (kept / "passphrase").write_text(f"{SECRET}\n")
            (kept / "passphrase").chmod(0o600)
            described = volume.described(
                first.settings.state_dir / "volumes" / "data", first.settings.uids(1)
            )
            with Load(first, busy) as load:
                sealed = ("--passphrase-file", str(kept / "passphrase"))
                first.ok("backup", str(kept / "whole.enc"), "--with-images", "--with-logs", *sealed)
                over_ssh = first.ssh("backup")
                assert over_ssh.returncode == 0, over_ssh.stderr
                (kept / "bare").write_bytes(over_ssh.stdout)
            assert load.failures == []
            assert stage.leaks(first) == []
            shutil.copytree(first.home, kept / "home")
            for repository in repositories.values():
                shutil.copytree(repository.path, kept / "work" / repository.app, symlinks=True)
        second = later.enter_context(
            stage.instance(domain="second.test", subnet_prefix=20, ssh_port=first.settings.ssh_port)
        )
        argv = ("--passphrase-file", str(kept / "passphrase"))
        restored = second.ok("restore", str(kept / "whole.enc"), *argv)
        yield Story(
            told, releases, pages, described, kept / "home", load.done, kept, second,
            restored,
        )  # fmt: skip


def test_the_archive_is_roots_alone(story: Story):
    assert stage.mode_of(story.archives / "whole.enc") == 0o600


def test_what_was_said_is_what_is_there(story: Story):
    now = stage.facts(story.second)
    assert now.pop("apps") == sorted([*APPS, "busy"])
    assert set(now.pop("keys")) > set(story.facts["keys"])  # type: ignore[call-overload]
    assert now == {key: value for key, value in story.facts.items() if key not in ("apps", "keys")}


def test_plugins_come_with_their_files_their_own_ones_included(story: Story):
    second, places = story.second, story.second.settings.state_dir / "plugins"
    (revision,) = (places / "revisions").glob("freeze-*")
    assert (places / "enabled" / "freeze").resolve() == revision
    assert (places / "available" / "quiet").exists()
    assert not (places / "enabled" / "quiet").exists()
    assert {path.lstat().st_uid for path in revision.rglob("*")} == {0}
    assert stage.mode_of(places / "hooks" / "post-stop") == 0o755
    data = places / "data" / "freeze"
    owner = second.settings.uids(0) + FIRST_UID
    assert owner < data.stat().st_uid < owner + 10
    assert {path.stat().st_uid for path in data.rglob("*")} <= {data.stat().st_uid}
    second.ok("freeze:on", "moving")  # writes what it keeps, as its own user
    refused = second.paas("config:set", "busy", "FROZEN=1")
    assert "no deploys for now: moving" in refused.stderr.decode()
    second.ok("freeze:off")
    assert second.paas("config:set", "busy", "FROZEN=").returncode == 0


def test_every_app_answers_as_it_did(story: Story):
    second = story.second
    for app, page in story.pages.items():
        assert second.get(app).text == page
    for key, value in stage.ODD.items():
        answer = second.get("blog", f"/env/{key}")
        assert answer.content.decode() == value
    assert second.get("blog", "/env/SHARED").text == "everywhere"
    assert second.get("busy").text in ("quiet", *story.pushed)


def test_a_domain_of_its_own_leads_to_the_app(story: Story):
    for host in ("www.example.org", "any.blog.example.org"):
        answer = requests.get(
            f"http://127.0.0.1:{story.second.settings.http_port}/", headers={"Host": host},
            timeout=30,
        )  # fmt: skip
        assert answer.text == story.pages["blog"]


def test_what_was_stopped_locked_paused_or_empty_still_is(story: Story):
    second = story.second
    assert second.get("idle").status_code == 503
    assert second.get("held").status_code == 503
    assert second.json("releases:list", "empty") == []
    assert "is locked" in second.repository("shut").fail(PLAIN)
    second.ok("ps:start", "idle")
    assert second.get("idle").text == "idle"
    second.ok("ps:resume", "held")
    assert second.get("held").text == "held"


def test_history_is_kept_and_can_be_gone_back_to(story: Story):
    second = story.second
    for app in ("blog", "idle", "held", "empty"):
        assert stage.releases(second, app) == story.releases[app]
    second.ok("releases:rollback", "blog", "v2")
    assert second.get("blog").text == "second"
    assert "again" not in second.ok("releases:list", "blog")


def test_the_old_clone_and_the_old_key_push_and_pull_from_a_host_that_is_known(story: Story):
    second, known = story.second, story.home / "known_hosts"
    said = stage.over_ssh(second, known, story.home / "id_ed25519", "apps:list")
    assert said.returncode == 0, said.stderr
    work = story.archives / "work" / "site"
    ssh = " ".join(stage.strict(known, story.home / "id_ed25519"))

    def git(*argv: str) -> str:
        who = ("-c", "user.name=dev", "-c", "user.email=dev@example.com")
        done = subprocess.run(
            ["git", "-C", str(work), *who, *argv], capture_output=True, check=False,
            env={"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": ssh},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode() + done.stderr.decode()

    assert "Already up to date" in git("pull", "paas", "main")
    (work / "index.html").write_text("pushed to the new one")
    git("commit", "-a", "-q", "-m", "new")
    assert "Application deployed" in git("push", "paas", "main")
    assert second.get("site").text == "pushed to the new one"


def test_a_volume_is_what_it_was_owned_by_the_same_app(story: Story):
    settings = story.second.settings
    assert volume.described(settings.state_dir / "volumes" / "data", settings.uids(1)) == (
        story.volume
    )


def test_a_volume_of_a_size_has_its_disk_and_its_app_again(story: Story):
    assert story.second.ok("storage:exec", "sized", "--", "cat", "file") == "on a disk\n"
    found = story.second.json("storage:info", "sized")
    assert (found["size_bytes"], found["labels"]) == (16 << 20, {"kept": "too"})  # type: ignore[call-overload,index]
    assert found["mounted_by"] == ["blog"]  # type: ignore[call-overload,index]
    assert story.second.ok("enter", "blog", "web", "cat", "/sized/file") == "on a disk\n"


def test_a_file_that_was_written_to_all_the_time_has_whole_lines_to_its_end(story: Story):
    text = (story.second.settings.state_dir / "volumes" / "busy" / "log").read_text()
    assert text
    assert set(text.splitlines()) <= {"line", "l", "li", "lin"}


def test_certificates_and_the_host_key_are_roots_alone(story: Story):
    state = story.second.settings.state_dir
    assert (state / "certs" / "blog" / "server.key").read_text() == "a private key"
    for path in (state / "certs" / "blog" / "server.key", state / "ssh" / "ed25519"):
        assert stage.mode_of(path) == 0o600
        assert path.stat().st_uid == 0


def test_an_app_shows_the_certificate_it_had(story: Story):
    context = ssl.create_default_context(cadata=story.second.ok("certs:show", "empty", "crt"))
    place = ("127.0.0.1", story.second.settings.https_port)
    with (
        socket.create_connection(place, timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=stage.SECURED) as secured,
    ):
        assert ("DNS", stage.SECURED) in secured.getpeercert()["subjectAltName"]  # type: ignore[index]


def test_logs_came_along(story: Story):
    assert "Deployed v1" in story.second.ok("logs", "blog", "-n", "500")


def test_nothing_is_left_of_the_restore(story: Story):
    state = story.second.settings.state_dir
    assert list((state / "restore").iterdir()) == []
    assert [path.name for path in (state / "repos").glob(".*")] == []
    assert stage.leaks(story.second) == []


def test_an_instance_with_apps_is_not_restored_onto(story: Story):
    done = story.second.paas("restore", str(story.archives / "bare"))
    assert done.returncode == 1
    assert b"there are apps here" in done.stderr
    assert story.second.paas("apps:exists", "blog").returncode == 0


def test_secrets_are_in_no_log_and_no_argument(story: Story):
    log = (story.second.root / "paasd.log").read_text()
    for secret in (SECRET, "naïve ☃", "everywhere"):
        assert secret not in log


# -- without images, over SSH; then single apps between the two ------------------------------


@pytest.fixture(scope="module")
def third(story: Story) -> Iterator[Instance]:
    """An instance that the backup without images was restored onto."""
    with stage.instance(domain="third.test") as made:
        done = made.ssh("restore", stdin=(story.archives / "bare").read_bytes())
        assert done.returncode == 0, done.stderr.decode()
        yield made


def test_apps_without_their_images_are_built_again_and_answer_as_they_did(
    story: Story, third: Instance
):
    for app, page in story.pages.items():
        assert third.get(app).text == page
        newest, *older = stage.releases(third, app)
        assert "again: restored without its image" in str(newest[3])
        assert [one[:2] for one in older] == [one[:2] for one in story.releases[app]]
    now = stage.facts(third)
    for app in stage.APPS:
        assert now[app] == story.facts[app]


def states(platform: Instance) -> dict[str, str]:
    """What plugin:list says of the two."""
    listed = platform.json("plugin:list")
    assert isinstance(listed, list)
    return {one["name"]: one["state"] for one in listed if one["name"] in ("freeze", "quiet")}


def test_code_of_plugins_comes_at_the_word_of_root_alone(third: Instance):
    places = third.settings.state_dir / "plugins"
    for name in ("revisions", "data", "hooks", "enabled"):
        assert list((places / name).iterdir()) == []
    assert states(third) == {"freeze": "missing", "quiet": "missing"}
    third.ok("plugin:update", "freeze")
    assert states(third)["freeze"] == "disabled"
    third.ok("plugin:enable", "freeze")
    assert "Deploys are taken" in third.ok("freeze")


def test_what_was_stopped_is_built_and_stays_stopped(third: Instance):
    assert third.get("idle").status_code == 503
    third.ok("ps:start", "idle")
    assert third.get("idle").text == "idle"


def test_a_release_whose_image_is_not_here_is_built_when_it_is_gone_back_to(third: Instance):
    said = third.ok("releases:rollback", "blog", "v2")
    assert "Building blog again from" in said
    assert third.get("blog").text == "second"


def test_an_app_moves_to_another_instance(story: Story, third: Instance):
    exported = story.second.ssh("apps:export", "site", "--with-image")
    assert exported.returncode == 0, exported.stderr
    imported = third.ssh("apps:import", "moved", stdin=exported.stdout)
    assert imported.returncode == 0, imported.stderr
    assert third.get("moved").text == story.second.get("site").text
    newest, *older = stage.releases(third, "moved")
    assert newest[3] == "Import of moved"
    assert older == [(*one[:2], False, *one[3:]) for one in stage.releases(story.second, "site")]
    assert "Building" not in imported.stdout.decode()


def test_one_app_comes_out_of_an_encrypted_backup_of_everything(story: Story, third: Instance):
    given = SECRET.encode() + b"\n" + (story.archives / "whole.enc").read_bytes()
    done = third.ssh("apps:import", "monday", "--from", "blog", "--passphrase-stdin", stdin=given)
    assert done.returncode == 0, done.stderr
    assert third.get("monday").text == story.pages["blog"]
    assert b"domain www.example.org stays with app blog" in done.stderr
    assert third.get("blog").text == "second"
    assert third.ok("config:get", "monday", "UNICODE").strip() == stage.ODD["UNICODE"]


def test_a_clone_answers_on_its_own_name_and_lives_without_the_other(third: Instance):
    third.ok("config:set", "--no-restart", "blog", "LATER=yes")
    said = third.ok("apps:clone", "blog", "copy")
    assert "Cloning blog to copy... done" in said
    assert third.get("copy").text == "second"
    assert third.get("copy", "/env/LATER").text == "yes"
    assert third.ok("ps:scale", "copy", "--format", "json") == third.ok(
        "ps:scale", "blog", "--format", "json"
    )
    assert [one[3].split(" v")[0] for one in stage.releases(third, "copy")] == ["Clone of blog"]  # type: ignore[union-attr]
    third.ok("--force", "apps:destroy", "blog")
    third.ok("ps:restart", "copy")
    assert third.get("copy").text == "second"
    assert stage.leaks(third) == []


def test_a_clone_without_a_deploy_waits_for_one(third: Instance):
    third.ok("apps:clone", "--skip-deploy", "copy", "waiting")
    assert third.json("releases:list", "waiting") == []
    assert third.ok("config:get", "waiting", "LATER").strip() == "yes"
    taken = third.paas("apps:clone", "copy", "waiting")
    assert (taken.returncode, b"exists already" in taken.stderr) == (1, True)
    assert third.paas("apps:clone", "--ignore-existing", "copy", "waiting").returncode == 0
