"""Apps that follow somebody else's repository: over http and ssh, with logins, keys, submodules."""

import hashlib
import hmac
import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN
from tests.e2e.world import Remote, World


def page(text: str) -> dict[str, str]:
    return {**PLAIN, "page.txt": text}


def branches(platform: Instance, app: str) -> dict[str, str]:
    return platform.json("git:status", app)["branches"]  # type: ignore[index, no-any-return, call-overload]


def refused(platform: Instance, *words: str) -> str:
    done = platform.paas(*words)
    assert done.returncode == 1, done.stdout.decode()
    assert b"inside paas" not in done.stderr
    return done.stderr.decode()


def wait_for(what, deadline_s: float = 60.0) -> None:
    end = time.monotonic() + deadline_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def remote(world: World) -> Remote:
    return world.repository("followed")


@pytest.fixture(scope="module")
def app(platform: Instance) -> str:
    platform.ok("apps:create", "follower")
    return "follower"


def test_a_repository_is_fetched_stored_and_deployed_when_wished(
    platform: Instance, remote: Remote, app: str
):
    first = remote.commit(page("first"))
    output = platform.ok("git:sync", app, remote.url)
    assert f"Fetched main ({first[:8]})" in output
    assert branches(platform, app) == {"main": first}
    assert platform.get(app).status_code == 404  # stored, not deployed
    output = platform.ok("git:sync", app, "--build")
    assert "=====> Application deployed:" in output
    assert platform.get(app).text == "first"
    assert "already: nothing is new" in platform.ok("git:sync", app, "--build-if-changes")
    second = remote.commit(page("second"))
    platform.ok("git:sync", app, remote.url, "main", "--build-if-changes")
    assert branches(platform, app) == {"main": second}
    assert platform.get(app).text == "second"
    assert "Building" in platform.ok("git:sync", "--build", app)  # again, though nothing is new


def test_a_tag_and_a_commit_can_be_followed_and_history_may_be_rewritten(
    platform: Instance, remote: Remote, app: str
):
    old = remote.commit(page("old"))
    remote.git("tag", "-a", "v1", "-m", "one")
    remote.git("push", "-q", str(remote.bare), "v1")
    remote.commit(page("newer"))
    platform.ok("git:sync", app, remote.url, "v1", "--build-if-changes")
    assert platform.get(app).text == "old"
    assert branches(platform, app) == {"main": old}
    for ref in (remote.git("rev-parse", "HEAD"), remote.git("rev-parse", "--short=9", "HEAD")):
        platform.ok("git:sync", app, remote.url, ref, "--build-if-changes")
        assert platform.get(app).text == "newer"
    assert "no branch, tag or commit nowhere" in refused(
        platform, "git:sync", app, remote.url, "nowhere"
    )
    assert "has no commit" in refused(platform, "git:sync", app, remote.url, "1" * 40)
    assert platform.get(app).text == "newer"


def test_a_failed_deploy_leaves_the_branch_where_it_was(
    platform: Instance, remote: Remote, app: str
):
    good = remote.commit(page("good"))
    platform.ok("git:sync", app, remote.url, "main", "--build-if-changes")
    remote.commit({**page("bad"), "Procfile": "web: exit 1\n"})
    refused(platform, "git:sync", app, "--build-if-changes")
    assert branches(platform, app) == {"main": good}
    assert platform.get(app).text == "good"
    remote.commit(page("good again"))
    platform.ok("git:sync", app, "--build-if-changes")
    assert platform.get(app).text == "good again"


ADDRESSES = [
    "file:///etc", "/etc/passwd", "ext::sh -c id", "git://198.18.0.1/x", "--upload-pack=id",
    "https://ann:secret@198.18.0.1/x.git", "ssh://-oProxyCommand=id/x",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_other_addresses_are_refused(platform: Instance, app: str, address: str):
    done = platform.paas("git:sync", app, "--", address)
    assert done.returncode == 2
    assert b"secret" not in done.stderr


def test_a_redirect_to_this_machine_leads_nowhere(platform: Instance, world: World, app: str):
    away = f"{world.url}/away/http://127.0.0.1:{platform.settings.http_port}/x.git"
    assert "cannot be fetched" in refused(platform, "git:sync", app, away)


# -- who we are ------------------------------------------------------------------------------


def everything_kept(platform: Instance) -> bytes:
    """All that the instance has written down."""
    files = [platform.root / "paasd.log", *platform.settings.state_dir.glob("paas.db*")]
    for folder, _, names in os.walk(platform.settings.state_dir / "logs"):
        files += [Path(folder, name) for name in names]
    kept = b""
    for path in files:
        with suppress(FileNotFoundError):  # of an app that has just ended
            kept += path.read_bytes()
    return kept


def test_a_login_is_kept_sealed_sent_to_its_host_and_never_shown(
    platform: Instance, world: World, remote: Remote, app: str
):
    remote.commit(page("private"))
    said = refused(platform, "git:sync", app, remote.private_url)
    assert "the server wants a login" in said
    assert f"paas git:auth {world.address}" in said
    platform.ok("git:auth", world.address, "ann", "--password-stdin", stdin=b"let-me-in\n")
    assert platform.ok("git:auth-status", world.address) == f"{world.address} as ann\n"
    output = platform.ok("git:sync", app, remote.private_url, "--build-if-changes")
    assert platform.get(app).text == "private"
    shown = output + platform.ok("git:report", app) + platform.ok("events")
    assert "let-me-in" not in shown
    assert b"let-me-in" not in everything_kept(platform)
    platform.ok("git:auth", world.address)
    assert platform.paas("git:auth-status", world.address).returncode == 1
    remote.commit(page("more"))
    assert "wants a login" in refused(platform, "git:sync", app)


def test_over_ssh_the_deploy_key_opens_and_unknown_hosts_are_refused(
    platform: Instance, world: World, remote: Remote, app: str
):
    platform.ok("git:generate-deploy-key")
    assert platform.paas("git:generate-deploy-key").returncode == 1
    public = platform.ok("git:public-key")
    world.serve_ssh(22, public)
    commit = remote.commit(page("by ssh"))
    said = refused(platform, "git:sync", app, remote.ssh_url)
    assert f"git:allow-host {world.address}" in said
    assert "no key with the fingerprint" in refused(
        platform, "git:allow-host", world.address, "--fingerprint", "SHA256:x"
    )
    assert "SHA256:" in platform.ok("git:allow-host", world.address)
    platform.ok("git:sync", app, remote.ssh_url, "--build-if-changes")
    assert branches(platform, app) == {"main": commit}
    assert platform.get(app).text == "by ssh"
    again = remote.commit(page("by ssh again"))
    short = f"root@{world.address}:{str(remote.bare).lstrip('/')}"
    assert "no such repository" in refused(platform, "git:sync", app, short)  # from its home
    platform.ok("git:sync", app, remote.ssh_url, "--build-if-changes")
    assert branches(platform, app) == {"main": again}
    platform.ok("--force", "git:generate-deploy-key")
    remote.commit(page("not for this key"))
    assert "does not accept the deploy key" in refused(platform, "git:sync", app)


# -- submodules ------------------------------------------------------------------------------


def test_submodules_come_along_and_what_they_may_not_be_is_told(
    platform: Instance, world: World, tmp_path: Path
):
    platform.ok("apps:create", "parts")
    inner, outer = world.repository("inner"), world.repository("outer")
    commit = inner.commit({"part.txt": "inner"})
    url = "../inner.git"
    modules = f'[submodule "part"]\n\tpath = lib/part\n\turl = {url}\n'
    outer.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib/part")
    (outer.path / ".gitmodules").write_text(modules)
    for name, text in page("with parts").items():
        (outer.path / name).write_text(text)
    outer.git("add", ".gitmodules", *page(""))
    outer.git("commit", "-q", "-m", "with a submodule")
    outer.git("push", "-q", str(outer.bare), "HEAD:refs/heads/main")
    output = platform.ok("git:sync", "parts", outer.url, "--build")
    assert f"submodule lib/part ({commit[:8]})" in output
    assert platform.get("parts").text == "with parts"
    assert platform.ok("run", "parts", "cat", "lib/part/part.txt") == "inner"
    deployed = branches(platform, "parts")
    assert "nothing is new" in platform.ok("git:sync", "parts", "--build-if-changes")
    platform.ok("git:sync", "parts", "--build")
    assert branches(platform, "parts") == deployed
    for bad, words in (
        ("file:///etc", "only http, https and ssh"),
        ("ext::sh -c id", "only http, https and ssh"),
        ("http://127.0.0.1/x.git", "leads to 127.0.0.1"),
    ):
        (outer.path / ".gitmodules").write_text(modules.replace(url, bad))
        outer.git("add", ".gitmodules")
        outer.git("commit", "-q", "-m", "elsewhere")
        outer.git("push", "-q", str(outer.bare), "HEAD:refs/heads/main")
        assert words in refused(platform, "git:sync", "parts", "--build-if-changes")
    platform.ok("git:set", "parts", "submodule-hosts", "none")
    (outer.path / ".gitmodules").write_text(modules.replace(url, "http://192.0.2.1/x.git"))
    outer.git("add", ".gitmodules")
    outer.git("commit", "-q", "-m", "elsewhere again")
    outer.git("push", "-q", str(outer.bare), "HEAD:refs/heads/main")
    assert "192.0.2.1 is no host that submodules" in refused(platform, "git:sync", "parts")
    assert branches(platform, "parts") == deployed


# -- by itself -------------------------------------------------------------------------------


def test_a_repository_is_followed_by_time_and_a_failure_is_told_once(
    platform: Instance, remote: Remote, app: str
):
    remote.commit(page("watched"))
    platform.ok("git:sync", app, remote.url, "main", "--build-if-changes")
    remote.commit(page("came by itself"))
    platform.ok("git:set", app, "sync-every", "1m")
    # the clock is not waited for: a schedule that was never asked is due at the next look
    wait_for(lambda: platform.get(app).text == "came by itself", 180)
    platform.ok("git:set", app, "sync-every")
    wait_for(lambda: "by schedule" in platform.ok("events", "--app", app))


def deliver(platform: Instance, app: str, secret: str, body: bytes, **headers: str) -> int:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return requests.post(
        f"http://127.0.0.1:{platform.settings.http_port}/.paas/webhooks/{app}",
        data=body,
        headers={
            "Host": f"follower.{platform.settings.domain}",
            "X-Hub-Signature-256": f"sha256={signature}",
            **headers,
        },
        timeout=30,
    ).status_code


def test_a_webhook_has_the_app_synced_by_whoever_knows_its_secret(
    platform: Instance, remote: Remote, app: str
):
    body = json.dumps({"ref": "refs/heads/main"}).encode()
    platform.ok("git:sync", app, remote.url, "main", "--build-if-changes")
    assert deliver(platform, app, "guess", body) == 404
    secret = platform.ok("git:webhook", app, "--enable").partition("secret: ")[2].strip()
    assert deliver(platform, app, "guess", body) == 404
    assert deliver(platform, "nobody", secret, body) == 404
    assert deliver(platform, app, secret, body, **{"X-GitHub-Event": "ping"}) == 200
    other = json.dumps({"ref": "refs/heads/other"}).encode()
    remote.commit(page("told of"))
    assert deliver(platform, app, secret, other) == 200
    assert deliver(platform, app, secret, bytes(6 << 20)) == 413
    assert deliver(platform, app, secret, body) == 202
    wait_for(lambda: platform.get(app).text == "told of")
    platform.ok("git:webhook", app, "--disable")
    assert deliver(platform, app, secret, body) == 404


# -- the app's own repository -----------------------------------------------------------------


def test_the_repository_and_the_commit_are_there_where_they_are_wished(platform: Instance):
    repository = platform.repository("kept")
    script = """#!/bin/sh
cd "$1" && ls -a > page.txt
if [ -d .git ]; then git log --format=%s >> page.txt && git status --short >> page.txt; fi
"""
    repository.write({**PLAIN, "bin/compile": script})
    (repository.path / "bin" / "compile").chmod(0o755)
    platform.ok("apps:create", "kept")
    platform.ok("buildpacks:set", "kept", "inline")
    repository.deploy({})
    assert ".git\n" not in platform.get("kept").text
    platform.ok("git:set", "kept", "keep-git-dir", "true")
    repository.deploy({"more.txt": "x"})
    text = platform.get("kept").text
    assert ".git\n" in text
    assert text.count("change\n") == 2
    platform.ok("git:set", "kept", "rev-env-var", "MY_REV")
    platform.ok("ps:rebuild", "kept")
    head = repository.git("rev-parse", "HEAD").stdout.decode().strip()
    assert platform.get("kept", "/env/MY_REV").text == head
    assert platform.get("kept", "/env/GIT_REV").text == "(unset)"
    platform.ok("git:set", "kept", "rev-env-var")
    platform.ok("ps:restart", "kept")
    assert platform.get("kept", "/env/MY_REV").text == "(unset)"


def test_a_shallow_clone_deploys_and_its_status_says_so(platform: Instance, tmp_path: Path):
    source = platform.repository("thin")
    for text in ("one", "two"):
        source.commit(page(text))
    clone = tmp_path / "clone"
    argv = ["git", "clone", "-q", "--depth", "1", source.path.as_uri(), str(clone)]
    subprocess.run(argv, check=True, env=source.environment)
    url = f"ssh://paas@127.0.0.1:{platform.settings.ssh_port}/thin"
    done = subprocess.run(
        ["git", "-C", str(clone), "push", url, "main"], env=source.environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    assert platform.get("thin").text == "two"
    assert platform.json("git:status", "thin")["shallow"] is True  # type: ignore[index, call-overload]
    assert "shallow" in platform.ok("git:status", "thin", "--quiet")


def test_what_is_under_way_can_be_ended(platform: Instance):
    assert "Nothing" in platform.ok("git:unlock", "follower")
    repository = platform.repository("stuck")
    repository.commit({**PLAIN, "bin/compile": "#!/bin/sh\nsleep 600\n"})
    platform.ok("apps:create", "stuck")
    platform.ok("buildpacks:set", "stuck", "inline")
    push = subprocess.Popen(
        ["git", "-C", str(repository.path), "push", "paas", "main"],
        env=repository.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: platform.paas("git:unlock", "stuck").returncode == 1)
    assert "Ended 1" in platform.ok("--force", "git:unlock", "stuck")
    assert push.wait(60) != 0
