"""What builds see of config: more than the app, or less."""

from tests.e2e.instance import Instance
from tests.e2e.samples import SERVER

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
