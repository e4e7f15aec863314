"""Apps deployed from archives and directories, through the whole platform."""

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.e2e.instance import PATIENCE_S, REPOSITORY, Instance
from tests.e2e.samples import PLAIN
from tests.e2e.world import World


def tar(files: dict[str, str], top: str = "app-1.0/") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(top + name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


def page(text: str) -> dict[str, str]:
    return {**PLAIN, "page.txt": text}


@pytest.fixture(scope="module")
def app(platform: Instance) -> str:
    platform.ok("apps:create", "archived")
    return "archived"


def refused(platform: Instance, *words: str, stdin: bytes = b"") -> str:
    done = platform.paas(*words, stdin=stdin)
    assert done.returncode == 1, done.stdout.decode()
    assert b"inside paas" not in done.stderr
    return done.stderr.decode()


def commits(platform: Instance, app: str) -> list[str]:
    path = platform.settings.state_dir / "repos" / f"{app}.git"
    argv = ["git", "-c", "safe.directory=*", f"--git-dir={path}", "log", "--format=%an <%ae> %s"]
    return subprocess.run(
        [*argv, "main"], capture_output=True, check=True, text=True
    ).stdout.splitlines()


def quarantines(platform: Instance) -> list[Path]:
    return list((platform.settings.state_dir / "repos").glob("*/objects/*incoming*"))


def test_an_archive_on_standard_input_deploys_as_a_push_does(platform: Instance, app: str):
    words = ("git:from-archive", app, "-", "Ann", "ann@example.com")
    output = platform.ok(*words, stdin=tar(page("first")))
    assert f"Building {app} from main" in output
    assert "=====> Application deployed:" in output
    assert platform.get(app).text == "first"
    assert commits(platform, app) == ["Ann <ann@example.com> Deploy archive on standard input"]
    again = platform.ok(*words, stdin=gzip.compress(tar(page("first"))))
    assert "nothing to deploy" in again
    assert len(commits(platform, app)) == 1
    assert not quarantines(platform)


def test_a_failed_deploy_leaves_branch_and_app_as_they_were(platform: Instance, app: str):
    platform.ok("git:from-archive", app, "-", stdin=tar(page("good")))
    before = commits(platform, app)
    broken = {**page("broken"), "Procfile": "web: exit 1\n"}
    refused(platform, "git:from-archive", app, "-", stdin=tar(broken))
    assert commits(platform, app) == before
    assert platform.get(app).text == "good"
    assert not quarantines(platform)
    assert "runs these files already" in platform.ok(
        "git:from-archive", app, "-", stdin=tar(page("good"))
    )


def test_a_hostile_archive_is_refused_with_its_reason_and_leaves_nothing(
    platform: Instance, app: str
):
    platform.ok("git:from-archive", app, "-", stdin=tar(page("safe")))
    names = {"../../evil": "with the path", ".git/config": "is git's own"}
    for name, words in names.items():
        assert words in refused(platform, "git:from-archive", app, "-", stdin=tar({name: "x"}))
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(link)
    said = refused(platform, "git:from-archive", app, "-", stdin=target.getvalue())
    assert "points outside" in said
    assert platform.get(app).text == "safe"
    assert not quarantines(platform)


def test_an_archive_by_its_address_is_fetched_through_redirects(
    platform: Instance, world: World, app: str
):
    world.put("app.tgz", gzip.compress(tar(page("fetched"))))
    output = platform.ok("git:from-archive", app, f"{world.url}/moved/app.tgz?signature=hidden")
    assert f"Fetching {world.url}/moved/app.tgz\n" in output
    assert f"it has moved to {world.url}/app.tgz\n" in output
    assert "hidden" not in output + platform.ok("events") + "".join(commits(platform, app))
    assert platform.get(app).text == "fetched"


BAD_ADDRESSES = {
    "/none.tgz": "the server answers 404",
    "/moved/moved/moved/moved/moved/moved/moved/x": "redirect",
    "/away/http://127.0.0.1:1/x": "leads to 127.0.0.1",
    "/away/http://169.254.169.254/latest/meta-data": "leads to 169.254.169.254",
    "/away/file:///etc/passwd": "not allowed",
    "/away/ftp://example.com/x": "only addresses of http:// and https://",
}


@pytest.mark.parametrize("path", BAD_ADDRESSES)
def test_an_address_that_leads_nowhere_good_is_told(
    platform: Instance, world: World, app: str, path: str
):
    said = refused(platform, "git:from-archive", app, f"{world.url}{path}")
    assert BAD_ADDRESSES[path] in said


def test_this_machine_itself_is_out_of_reach(platform: Instance, world: World, app: str):
    """Its own address answers the host, and no container of ours."""
    world.put("x", b"")
    near = f"http://{world.near}:{platform.settings.http_port}/x"
    assert "does not answer" in refused(platform, "git:from-archive", app, near)


def test_a_directory_is_deployed_without_git_over_ssh_and_here(platform: Instance, tmp_path: Path):
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in {**page("by ssh"), ".gitignore": "secret\n", "secret": "x"}.items():
        (folder / name).write_text(text)
    client = REPOSITORY / "bin" / "paas"
    over_ssh = {
        "PAAS_SSH": " ".join(platform.ssh_command),
        "PAAS_HOST": f"paas@127.0.0.1:{platform.settings.ssh_port}",
    }
    for variables, text in ((over_ssh, "by ssh"), ({}, "from here")):
        (folder / "page.txt").write_text(text)
        done = subprocess.run(
            [client, "deploy", "--app", "shop"],
            cwd=folder, env={**platform.environment, **variables}, capture_output=True,
            stdin=subprocess.DEVNULL, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        assert b"Application deployed" in done.stdout
        assert platform.get("shop").text == text
    listing = platform.ok("run", "shop", "ls", "-a")
    assert "page.txt" in listing
    assert "secret" not in listing
    failed = subprocess.run(
        [client, "deploy", "--app", "shop"], cwd=folder,
        env={**platform.environment, "PAAS_RUN_DIR": "/nonexistent"}, capture_output=True,
    )  # fmt: skip
    assert failed.returncode == 1
    assert b"paasd does not answer" in failed.stderr
