"""Fixed addresses that builds get from somewhere else: a mirror, a folder of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.instance import Instance
from tests.e2e.samples import SERVER
from tests.e2e.test_third_party import pack
from tests.e2e.world import World

APP = {"server.py": SERVER, "Procfile": "web: python3 server.py\n", ".buildpacks": "inline\n"}
COMPILE = """#!/bin/bash
set -euo pipefail
curl --fail --silent --show-error --location {address} > "$1/page.txt"
"""


@pytest.fixture
def standing_in(platform: Instance) -> Iterator[list[str]]:
    """Addresses to let go of after a test."""
    sources: list[str] = []
    yield sources
    for source in sources:
        platform.ok("mirrors:remove", source)


def test_a_pack_that_downloads_from_a_fixed_host_gets_the_mirrors_file(
    platform: Instance, world: World, standing_in: list[str], tmp_path: Path
):
    world.put("mirror/deep/tool@1.0+x.txt", b"from the mirror\n")
    (tmp_path / "cdn").mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    (tmp_path / "cdn/lib.js").write_text("from a folder\n")
    for source, target in (
        ("https://fixed.example/files/", f"{world.url}/mirror"),
        ("cdn.example/", f"{tmp_path}/cdn"),
    ):
        platform.ok("mirrors:add", source, target)
        standing_in.append(source)
    compile_ = """#!/bin/bash
set -euo pipefail
get() { curl --fail --silent --show-error --location --retry 1 "$@"; }
get https://fixed.example/files/deep/tool@1.0+x.txt > "$1/page.txt"
get http://fixed.example/files/deep/tool%401.0+x.txt?v=1 >> "$1/page.txt"
python3 -c 'import urllib.request as u; print(u.urlopen("https://cdn.example/lib.js").read())' \\
    >> "$1/page.txt"
node -e 'require("https").get("https://cdn.example/lib.js", a => a.pipe(process.stdout))' \\
    >> "$1/page.txt"
! get https://cdn.example/none.js 2>> "$1/page.txt"
"""
    platform.repository("standins").deploy({**APP, "bin/compile": compile_})
    page = platform.get("standins").text
    assert page.count("from the mirror\n") == 2
    assert "b'from a folder\\n'\nfrom a folder\n" in page
    assert "404" in page
    assert "any GET /mirror/deep/tool%401.0+x.txt?v=1" not in world.requests()
    assert any(line.endswith("/mirror/deep/tool%401.0+x.txt?v=1") for line in world.requests())
    hosts = platform.ok("run", "standins", "cat", "/etc/hosts")
    assert "fixed.example" not in hosts
    listed = platform.json("mirrors:list")
    assert {"source": "https://cdn.example/", "target": f"{tmp_path}/cdn/"} in listed
    assert not list((platform.settings.run_dir / "builds").glob("standins.*"))


def test_a_mirror_that_does_not_answer_is_named(
    platform: Instance, world: World, standing_in: list[str]
):
    platform.ok("mirrors:add", "https://gone.example/", f"http://{world.address}:9/")
    standing_in.append("https://gone.example/")
    compile_ = COMPILE.format(address="https://gone.example/x")
    output = platform.repository("goneapp").fail({**APP, "bin/compile": compile_})
    assert "mirrors: " in output
    assert f'upstream: "http://{world.address}:9/x"' in output


def test_a_host_without_a_stand_in_is_as_it_is(
    platform: Instance, world: World, standing_in: list[str]
):
    platform.ok("mirrors:add", "https://fixed.example/", world.url)
    standing_in.append("https://fixed.example/")
    world.put("direct.txt", b"directly\n")
    compile_ = COMPILE.format(address=f"{world.url}/direct.txt")
    platform.repository("directly").deploy({**APP, "bin/compile": compile_})
    assert platform.get("directly").text == "directly\n"


def test_buildpacks_are_fetched_from_stand_ins_too(
    platform: Instance, world: World, standing_in: list[str]
):
    remote = world.repository("someone/heroku-buildpack-thing")
    commit = remote.commit(pack("someone's thing"))
    platform.ok("mirrors:add", "https://github.com/someone/", f"{world.url}/git/someone/")
    standing_in.append("https://github.com/someone/")
    platform.ok("apps:create", "bythem")
    platform.ok("buildpacks:set", "bythem", "someone/thing")
    assert f"new -> {commit[:12]}" in platform.ok("buildpacks:update", "bythem")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("https://x.example/", "ftp://y.example/"),
        ("https://x.example/", "https://me:pw@y.example/"),
        ("https://x.example:8443/", "https://y.example/"),
        ("https://*.example/", "https://y.example/"),
        ("https://x.example/a b/", "https://y.example/"),
        ('https://x.example/"; evil "/', "https://y.example/"),
        ("https://x.example/$host/", "https://y.example/"),
        ("https://x.example/", "https://y.example/$request_uri"),
        ("https://x.example/", "https://y.example/?a=b"),
        ("https://x.example/", "/nonexistent"),
        ("https://x.example/", "/etc/passwd"),
        ("https://x.example/", "/etc/../etc"),
    ],
)
def test_what_cannot_stand_in_is_refused(platform: Instance, source: str, target: str):
    assert platform.paas("mirrors:add", source, target).returncode in (1, 2)
    assert platform.json("mirrors:list") == []
