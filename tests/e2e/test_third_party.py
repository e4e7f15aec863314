"""Other people's buildpacks through the whole platform: fetched, kept, run, updated."""

import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.e2e.instance import Instance, end_group
from tests.e2e.samples import SERVER
from tests.e2e.test_hostile_builds import processes_named, start_push, wait_for_no_leftovers
from tests.e2e.world import World

APP = {"server.py": SERVER, "hello.txt": "x"}
DETECT = '#!/bin/sh\n[ -f "$1/hello.txt" ] && echo Hello\n'
RELEASE = "#!/bin/sh\necho 'default_process_types: {web: python3 server.py}'\n"


def pack(page: str) -> dict[str, str]:
    """A buildpack whose apps show a page."""
    compile_ = f"""#!/bin/bash
set -euo pipefail
source lib/say.sh
head Building
echo "{page}" > "$1/page.txt"
"""
    lib = 'head() { echo "-----> $*"; }\n'
    return {
        "bin/detect": DETECT,
        "bin/compile": compile_,
        "bin/release": RELEASE,
        "lib/say.sh": lib,
    }


def kept(platform: Instance) -> list[Path]:
    return sorted((platform.settings.state_dir / "layers").glob("pack-*"))


def standing_in(platform: Instance) -> list[int]:
    """Servers beside the instance's builds that answer for other hosts."""
    group, found = f"/{platform.settings.cgroup_name}/", []
    for pid in processes_named("/standins/nginx.conf"):
        with suppress(OSError):
            if group in Path(f"/proc/{pid}/cgroup").read_text():
                found.append(pid)
    return found


def refused(platform: Instance, app: str) -> str:
    """Why the newest revisions of an app's buildpacks cannot be had."""
    done = platform.paas("buildpacks:update", app)
    assert done.returncode == 1
    return done.stderr.decode()


def test_a_pack_from_a_repository_builds_and_follows_its_branch(platform: Instance, world: World):
    remote = world.repository("hello")
    first = remote.commit(pack("first"))
    platform.ok("apps:create", "byurl")
    platform.ok("buildpacks:set", "byurl", remote.url)
    repository = platform.repository("byurl")
    output = repository.deploy(APP)
    assert f"Fetching buildpack {remote.url}" in output
    assert f"Using buildpack {remote.url} ({first[:12]})" in output
    assert "-----> Hello app detected" in output
    assert platform.get("byurl").text == "first\n"
    assert "Fetching" not in repository.deploy({"other.txt": "x"})
    second = remote.commit(pack("second"))
    assert f"({second[:12]})" in repository.deploy({"other.txt": "y"})
    assert platform.get("byurl").text == "second\n"


def test_a_branch_a_tag_and_a_commit_can_be_asked_for(platform: Instance, world: World):
    remote = world.repository("versions")
    old = remote.commit(pack("old"))
    remote.git("tag", "-a", "v1", "-m", "v1")
    remote.git("push", "-q", str(remote.bare), "v1")
    feature = remote.commit(pack("feature"), branch="feature/x")
    new = remote.commit(pack("new"))
    platform.ok("apps:create", "byref")
    wanted = {"v1": old, "feature/x": feature, old: old, old[:10]: old, "main": new}
    for ref, commit in wanted.items():
        platform.ok("buildpacks:set", "byref", f"{remote.url}#{ref}")
        assert f"new -> {commit[:12]}" in platform.ok("buildpacks:update", "byref")
    platform.ok("buildpacks:set", "byref", f"{remote.url}#v9")
    assert f"the buildpack {remote.url} has no branch, tag or commit v9" in refused(
        platform, "byref"
    )


def test_a_commit_that_is_kept_needs_no_network(platform: Instance, world: World):
    remote = world.repository("pinned")
    commit = remote.commit(pack("pinned"))
    repository = platform.repository("bypin")
    repository.deploy({**APP, ".buildpacks": f"{remote.url}#{commit}\n"})
    remote.bare.rename(remote.bare.with_suffix(".away"))
    output = repository.deploy({"again.txt": "x"})
    assert "!" not in output.replace("!     ", "") or "fetched" not in output
    assert platform.get("bypin").text == "pinned\n"


def test_where_a_repository_cannot_be_reached_what_is_kept_builds(platform: Instance, world: World):
    remote = world.repository("flaky")
    first = remote.commit(pack("kept"))
    repository = platform.repository("bykept")
    repository.deploy({**APP, ".buildpacks": f"{remote.url}\n"})
    remote.bare.rename(remote.bare.with_suffix(".away"))
    output = repository.deploy({"again.txt": "x"})
    assert f"the buildpack {remote.url} cannot be fetched" in output
    assert f"building with what is kept of it: {first[:12]}" in output
    assert platform.get("bykept").text == "kept\n"


def test_a_pack_that_was_never_fetched_and_cannot_be_fails_the_push(
    platform: Instance, world: World
):
    url = f"{world.url}/git/nobody.git"
    output = platform.repository("bynobody").fail({**APP, ".buildpacks": f"{url}\n"})
    assert f"the buildpack {url} cannot be fetched" in output
    assert "check its address" in output


def test_an_archive_may_hold_the_pack_at_its_top_or_in_one_folder(
    platform: Instance, world: World, tmp_path: Path
):
    for name, text in pack("from an archive").items():
        place = tmp_path / "pack" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)  # without its executable bit, as archives lose it
    flat = world.archive("packs/flat.tgz", tmp_path / "pack")
    nested = world.archive("packs/nested.tar.gz", tmp_path / "pack", "pack-main")
    platform.ok("apps:create", "bytgz")
    platform.ok("buildpacks:set", "bytgz", flat)
    assert "new -> " in platform.ok("buildpacks:update", "bytgz")
    platform.ok("buildpacks:set", "bytgz", nested.replace("/packs/", "/moved/packs/"))
    platform.repository("bytgz").deploy(APP)
    assert platform.get("bytgz").text == "from an archive\n"
    platform.ok("buildpacks:set", "bytgz", world.put("packs/bad.tgz", b"this is no archive"))
    assert "is no archive that can be unpacked" in refused(platform, "bytgz")


def test_what_is_no_buildpack_is_told(platform: Instance, world: World):
    remote = world.repository("nopack")
    remote.commit({"README.md": "hello"})
    platform.ok("apps:create", "bynopack")
    platform.ok("buildpacks:set", "bynopack", remote.url)
    words = f"{remote.url} is not a buildpack: it has no bin/detect"
    assert words in refused(platform, "bynopack")


def test_a_repository_with_submodules_brings_them(platform: Instance, world: World):
    shared = world.repository("shared")
    shared.commit({"say.sh": 'head() { echo "-----> from a submodule"; }\n'})
    remote = world.repository("whole")
    remote.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", shared.url, "sub")
    compile_ = '#!/bin/bash\nset -e\n. sub/say.sh\nhead\necho sub > "$1/page.txt"\n'
    remote.commit({**pack(""), "bin/compile": compile_})
    output = platform.repository("bysub").deploy({**APP, ".buildpacks": remote.url})
    assert "-----> from a submodule" in output


def test_a_repository_that_leads_to_the_servers_files_is_not_followed(
    platform: Instance, world: World
):
    canary = platform.root / "canary.git"
    remote = world.repository("leading")
    remote.commit(pack("x"))
    remote.commit({".gitmodules": f'[submodule "s"]\n\tpath = s\n\turl = file://{canary}\n'})
    remote.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},s")
    remote.git("commit", "-q", "-m", "a submodule")
    remote.git("push", "-q", str(remote.bare), "HEAD:main")
    platform.ok("apps:create", "byleading")
    platform.ok("buildpacks:set", "byleading", remote.url)
    output = refused(platform, "byleading")
    assert "submodules" in output
    assert "transport 'file' not allowed" in output


def test_a_folder_of_the_server_is_for_administrators_below_what_is_allowed(
    platform: Instance, tmp_path: Path
):
    allowed = Path(platform.settings.buildpack_dirs[0])
    for name, text in pack("from a folder").items():
        place = allowed / "mine" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    platform.ok("apps:create", "byfolder")
    platform.ok("buildpacks:set", "byfolder", str(allowed / "mine"))
    repository = platform.repository("byfolder")
    repository.deploy(APP)
    assert platform.get("byfolder").text == "from a folder\n"
    changed = pack("changed")["bin/compile"]
    (allowed / "mine/bin/compile").write_text(changed)
    repository.deploy({"again.txt": "x"})
    assert platform.get("byfolder").text == "changed\n"
    (allowed / "out").symlink_to("/etc")
    for path in ("/etc", str(allowed / "out"), str(allowed / "none"), f"{allowed}/../.."):
        assert platform.paas("buildpacks:set", "byfolder", path).returncode == 1
    output = platform.repository("byfile").fail({**APP, ".buildpacks": str(allowed / "mine")})
    assert "which only an administrator may choose" in output


def test_two_apps_share_one_revision_and_cannot_change_it(platform: Instance, world: World):
    remote = world.repository("common")
    pack_ = "/layers/0/app"
    writes = f"chmod -R u+w {pack_}; echo evil > {pack_}/lib/say.sh; rm -rf {pack_}/* {pack_}"
    remote.commit(pack("common"))
    before = len(kept(platform))
    for name in ("shareone", "sharetwo"):
        evil = f"#!/bin/bash\n({writes}) 2>/dev/null\nexit 0\n"
        files = {**APP, "bin/compile": evil, ".buildpacks": f"inline\n{remote.url}\n"}
        platform.repository(name).deploy(files)
        assert platform.get(name).text == "common\n"
    assert len(kept(platform)) == before + 1


def test_buildpack_url_comes_before_everything_else(platform: Instance, world: World):
    remote = world.repository("byvariable")
    remote.commit(pack("by variable"))
    platform.ok("apps:create", "byvar")
    platform.ok("buildpacks:set", "byvar", "nodejs")
    platform.ok("config:set", "--no-restart", "byvar", f"BUILDPACK_URL={remote.url}")
    platform.repository("byvar").deploy({**APP, ".buildpacks": "python\n"})
    assert platform.get("byvar").text == "by variable\n"


def test_buildpacks_set_comes_before_the_repositorys_own_file(platform: Instance):
    platform.ok("apps:create", "byset")
    platform.ok("buildpacks:set", "byset", "procfile")
    files = {**APP, "Procfile": "web: python3 server.py\n", ".buildpacks": "nodejs\n"}
    platform.repository("byset").deploy({**files, "app.json": '{"buildpacks": ["python"]}'})
    assert platform.get("byset").status_code == 200


def test_ctrl_c_ends_a_fetch_and_leaves_nothing(platform: Instance, world: World):
    platform.ok("mirrors:add", "https://fixed.example/", world.url)
    repository = platform.repository("byctrlc")
    repository.commit({**APP, ".buildpacks": "https://fixed.example/hangs/pack.tgz"})
    child = start_push(repository)
    deadline = time.monotonic() + 60
    while not any("/hangs/" in line for line in world.requests()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert any("/hangs/" in line for line in world.requests())
    assert end_group(child, signal.SIGINT) != 0
    platform.ok("mirrors:remove", "https://fixed.example/")
    wait_for_no_leftovers(platform)
    assert not standing_in(platform)
    assert platform.json("releases:list", "byctrlc") == []


# -- the commands ------------------------------------------------------------------------


def test_update_fetches_now_and_says_from_what_to_what(platform: Instance, world: World):
    remote = world.repository("updated")
    first = remote.commit(pack("one"))
    platform.ok("apps:create", "byupdate")
    platform.ok("buildpacks:set", "byupdate", "--replace", "procfile", remote.url)
    assert f"new -> {first[:12]}" in platform.ok("buildpacks:update", "byupdate")
    assert f"{first[:12]}, as before" in platform.ok("buildpacks:update", "byupdate")
    second = remote.commit(pack("two"))
    assert f"{first[:12]} -> {second[:12]}" in platform.ok("buildpacks:update", "byupdate")
    report = platform.json("buildpacks:report", "byupdate")
    assert report["buildpacks-revisions"] == f"{remote.url}={second[:12]}"
    assert report["list"] == f"procfile,{remote.url}"
    remote.bare.rename(remote.bare.with_suffix(".away"))
    done = platform.paas("buildpacks:update", "byupdate")
    assert done.returncode == 1
    assert b"cannot be fetched" in done.stderr


def test_detect_says_what_would_build_the_newest_commit(platform: Instance, world: World):
    remote = world.repository("detected")
    remote.commit(pack("detected"))
    repository = platform.repository("bydetect")
    repository.deploy({**APP, ".buildpacks": remote.url})
    assert platform.json("buildpacks:detect", "bydetect") == [remote.url]
    platform.ok("buildpacks:set", "bydetect", "nodejs")
    done = platform.paas("buildpacks:detect", "bydetect")
    assert done.returncode == 1
    assert b"the nodejs buildpack was chosen, but does not fit" in done.stderr
    platform.ok("buildpacks:clear", "bydetect")
    assert platform.ok("buildpacks:detect", "bydetect") == f"{remote.url}\n"
    assert platform.paas("buildpacks:detect", "bydetect", "--branch", "none").returncode == 1
