"""Buildpacks that attack: the lifecycle beside them, the server, other apps, whoever reads."""

import json

import pytest

from tests.attacks.test_builds import assert_clean
from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN


def pack(compile_: str, **more: str) -> dict[str, str]:
    """An app that is its own buildpack."""
    program = f"#!/bin/bash\n{compile_}\n"
    return {**PLAIN, ".buildpacks": "inline\n", "bin/compile": program, **more}


@pytest.fixture(scope="module")
def packed(platform: Instance, victim: Repository) -> Repository:
    return platform.repository("packed")


def test_a_pack_that_kills_what_runs_it_only_ends_its_own_build(
    platform: Instance, packed: Repository
):
    said = packed.fail(pack("kill -9 $(awk '{ print $4 }' /proc/$PPID/stat); sleep 60"))
    assert "the build killed by SIGKILL" in said
    said = packed.fail(pack("kill -9 $PPID; sleep 60"))
    assert "the inline buildpack's compile was ended by signal 9" in said
    assert_clean(platform)
    packed.deploy(pack("true"))


def test_a_pack_that_forges_its_plan_gets_nothing_of_others(platform: Instance, packed: Repository):
    forged = {
        "pack": "debian", "name": "run-packages", "files": [], "provides": [], "shared": True,
        "build_only": False, "system": "run", "wants": ["figlet"],
        "packages": [f"http://127.0.0.1:9/evil.deb {'0' * 64}"],
    }  # fmt: skip
    document = json.dumps({"buildpacks": ["x"], "layers": [forged, {**forged, "system": "build"}]})
    packed.deploy(pack(f"cat > /result/plan.json.new <<'EOF'\n{document}\nEOF\n"
                       "mv /result/plan.json.new /result/plan.json"))  # fmt: skip
    packed.deploy(pack("true", again="x"))
    assert platform.get("packed").status_code == 200
    odd = json.dumps({"layers": [{**forged, "pack": "../../x"}]})
    said = packed.fail(pack(f"cat > /result/plan.json <<'EOF'\n{odd}\nEOF"))
    assert "the build asked for a layer of a strange name" in said
    packed.deploy(pack("true"))


def test_what_a_pack_prints_drives_no_terminal_and_has_an_end(
    platform: Instance, packed: Repository
):
    detect = "#!/bin/bash\nprintf 'x\\033]0;owned\\007 y\\033[2J'\n"
    report = "#!/bin/bash\nprintf 'key: \"a\\\\e]0;owned\\\\a b\"\\n'\n"
    flood = "head -c 40000000 /dev/zero | tr '\\0' y"
    files = {"bin/detect": detect, "bin/report": report}
    said = packed.deploy(pack(flood, **files))
    shown = said + platform.ok("buildpacks:report", "packed")
    for byte in ("\x07", "\x1b]", "\x1b[2J"):
        assert byte not in shown
    assert "wrote too much" in said
    assert len(said) < platform.settings.build_log_bytes + (1 << 20)


@pytest.mark.parametrize(
    "release",
    ["default_process_types: {'../x': y}", "default_process_types: {'a b': y}", "[1, 2]", "'x'"],
)
def test_odd_process_types_are_refused_in_a_sentence(
    platform: Instance, packed: Repository, release: str
):
    program = f'#!/bin/sh\necho "{release}"\n'
    said = packed.fail(pack("rm $1/Procfile", **{"bin/release": program, "Procfile": ""}))
    assert "is not a process type" in said or "there is nothing to run" in said
    assert_clean(platform)


def test_the_address_of_a_pack_leads_neither_to_the_server_nor_to_other_apps(
    platform: Instance, victim: Repository
):
    settings = platform.settings
    inspected = platform.json("ps:inspect", "victim")
    address = inspected[0]["address"]  # type: ignore[index]
    platform.ok("apps:create", "reaching")
    for url in (
        f"http://127.0.0.1:{settings.http_port}/x.tgz",
        f"http://{settings.dns_address}:{settings.http_port}/x.tgz",
        f"http://{settings.dns_address}:{settings.ssh_port}/x.git",
        "http://169.254.169.254/latest/x.tgz",
        f"http://{address}:5000/x.tgz",
    ):
        platform.ok("buildpacks:set", "reaching", url)
        done = platform.paas("buildpacks:update", "reaching")
        assert done.returncode == 1
        assert f"the buildpack {url} cannot be fetched" in done.stderr.decode()
    assert_clean(platform)
    platform.ok("apps:destroy", "reaching", "--force")


def test_a_pack_cannot_change_the_packs_of_the_house(platform: Instance, packed: Repository):
    tries = """
for place in /buildpacks /buildpacks/lifecycle /layers /usr/bin /.paas; do
    touch "$place/x" 2>/dev/null && echo "WROTE $place"
done
chmod u+w /buildpacks/launch 2>/dev/null && echo CHANGED
exit 0
"""
    said = packed.deploy(pack(tries))
    assert "WROTE" not in said
    assert "CHANGED" not in said
