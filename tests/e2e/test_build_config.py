"""What builds see of config: more than the app, or less."""

import io
import zipfile

from tests.e2e.instance import Instance
from tests.e2e.samples import SERVER
from tests.e2e.world import World

COMPILE = """#!/bin/bash
set -eu
ls "$3" | tr '\\n' ' ' > "$1/page.txt"
{ cat "$3/BOTH" "$3/PIP_INDEX_URL"; echo; } >> "$1/page.txt"
env | grep -E '^(NPM_CONFIG_REGISTRY|PIP_INDEX_URL|TOKEN|GIT_REV)=' | sort >> "$1/page.txt"
"""
APP = {
    "server.py": SERVER,
    "Procfile": "web: python3 server.py\n",
    "bin/compile": COMPILE,
    ".buildpacks": "inline\n",
}


def test_builds_see_variables_of_their_own_and_not_those_withheld(platform: Instance):
    platform.ok("apps:create", "scoped")
    config = ("TOKEN=t", "STRIPE_KEY=s", "DATABASE_URL=d", "BOTH=run")
    platform.ok("config:set", "--no-restart", "scoped", *config)
    platform.ok("config:set", "--build", "scoped", "BOTH=build", "ONLY=x")
    platform.ok("builder:set", "scoped", "withhold-config", "STRIPE_*, DATABASE_URL")
    platform.ok("mirrors:set", "--global", "npm", "https://npm.example.com/")
    platform.ok("mirrors:set", "--global", "pypi", "https://pypi.example.com/simple")
    platform.ok("config:set", "--build", "scoped", "PIP_INDEX_URL=https://own.example.com/simple")
    repository = platform.repository("scoped")
    try:
        repository.deploy(APP)
    finally:
        platform.ok("mirrors:set", "--global", "npm")
        platform.ok("mirrors:set", "--global", "pypi")
    names, *variables = platform.get("scoped").text.splitlines()
    seen, _, values = names.rpartition(" ")
    assert {"BOTH", "ONLY", "TOKEN", "NPM_CONFIG_REGISTRY"} <= set(seen.split())
    assert not {"STRIPE_KEY", "DATABASE_URL"} & set(seen.split())
    assert values == "buildhttps://own.example.com/simple"
    assert "NPM_CONFIG_REGISTRY=https://npm.example.com/" in " ".join(variables)
    assert "PIP_INDEX_URL=https://own.example.com/simple" in " ".join(variables)
    assert "TOKEN=" not in " ".join(variables)
    assert platform.get("scoped", "/env/BOTH").text == "run"
    assert platform.get("scoped", "/env/STRIPE_KEY").text == "s"
    for name in ("ONLY", "NPM_CONFIG_REGISTRY", "PIP_INDEX_URL"):
        assert platform.get("scoped", f"/env/{name}").text == "(unset)"
    inspected = platform.ok("ps:inspect", "scoped") + platform.ok("releases:info", "scoped")
    assert "ONLY" not in inspected


def test_packages_come_from_the_instances_mirror(platform: Instance, world: World):
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as file:
        info = "only_in_mirror-1.0.dist-info"
        file.writestr("only_in_mirror.py", "WORD = 'from the mirror'\n")
        file.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: only-in-mirror\nVersion: 1.0\n"
        )
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    name = "only_in_mirror-1.0-py3-none-any.whl"
    world.put(f"wheels/{name}", wheel.getvalue())
    world.put("simple/only-in-mirror", f'<a href="/wheels/{name}">{name}</a>'.encode())
    platform.ok("mirrors:set", "--global", "pypi", f"{world.url}/simple")
    try:
        files = {"server.py": SERVER, "Procfile": "web: python3 server.py\n"}
        platform.repository("mirrored").deploy({**files, "requirements.txt": "only-in-mirror\n"})
    finally:
        platform.ok("mirrors:set", "--global", "pypi")
    code = "import only_in_mirror; print(only_in_mirror.WORD)"
    assert platform.ok("run", "mirrored", "--", "python", "-c", code) == "from the mirror\n"
