"""Which Node, and which registry, an app gets."""

import json
import sys

import pytest

from tests.buildpacks.sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from lifecycle.say import Failure
from nodejs import installers, runtime, versions
from nodejs.manifest import Package


def app(tmp_path, fields, files):
    (tmp_path / "package.json").write_text(json.dumps(fields))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return Package(str(tmp_path))


@pytest.mark.parametrize(
    ("fields", "files", "expected"),
    [
        ({"engines": {"node": ">=20  <23"}}, {}, (">=20 <23", "engines.node")),
        ({"engines": {"node": "v22.1.0"}}, {}, ("22.1.0", "engines.node")),
        ({"volta": {"node": "20.11.1"}}, {".nvmrc": "18"}, ("20.11.1", "volta.node")),
        ({}, {".node-version": "22.1.0\n", ".nvmrc": "18"}, ("22.1.0", ".node-version")),
        ({}, {".nvmrc": "v18.20\n"}, ("18.20", ".nvmrc")),
        ({}, {".nvmrc": "lts/jod"}, ("22", ".nvmrc")),
        ({}, {".nvmrc": "lts/*"}, ("*", ".nvmrc")),
        ({}, {".nvmrc": "node # newest"}, ("*", ".nvmrc")),
        ({}, {".tool-versions": "python 3.12.1\nnodejs 22.3.0\n"}, ("22.3.0", ".tool-versions")),
        ({}, {".nvmrc": "iojs-3"}, ("*", "")),
        ({}, {}, ("*", "")),
    ],
)
def test_the_ecosystems_own_files_name_the_version(tmp_path, fields, files, expected):
    assert versions.wanted(app(tmp_path, fields, files)) == expected


@pytest.mark.parametrize(
    ("fields", "lock", "text", "expected"),
    [
        ({}, "package-lock.json", "{}", ("npm", "")),
        ({"engines": {"npm": "10.x"}}, "package-lock.json", "{}", ("npm", "10.x")),
        ({}, "yarn.lock", "# yarn lockfile v1\n", ("yarn", "1")),
        ({}, "yarn.lock", "__metadata:\n  version: 6\n", ("yarn", "3")),
        ({}, "yarn.lock", "__metadata:\n  version: 8\n", ("yarn", "4.9.2")),
        ({}, "yarn.lock", "__metadata:\n  version: 10\n", ("yarn", "4")),
        ({"volta": {"yarn": "1.22.19"}}, "yarn.lock", "", ("yarn", "1.22.19")),
        ({}, "pnpm-lock.yaml", "lockfileVersion: '9.0'\n", ("pnpm", "10")),
        ({}, "pnpm-lock.yaml", "lockfileVersion: '6.0'\n", ("pnpm", "8")),
        ({"packageManager": "pnpm@9.15.0+sha512.abc"}, "pnpm-lock.yaml", "", ("pnpm", "9.15.0")),
        ({}, "bun.lock", "", ("bun", "1")),
    ],
)
def test_the_lock_file_and_package_json_name_the_installer(tmp_path, fields, lock, text, expected):
    package = app(tmp_path, {**fields, "dependencies": {"ms": "1"}}, {lock: text})
    chosen = installers.chosen(package)
    assert (chosen.name, chosen.version) == expected


def test_a_version_cannot_name_another_package(tmp_path):
    package = app(tmp_path, {"engines": {"yarn": "npm:evil@1"}}, {"yarn.lock": ""})
    with pytest.raises(Failure):
        installers.chosen(Package(package.root))
    (tmp_path / "yarn.lock").unlink()
    package = app(tmp_path, {"packageManager": "pnpm@npm:evil@1"}, {"pnpm-lock.yaml": ""})
    with pytest.raises(Failure):
        installers.chosen(package)


def test_npms_registry_is_everybodys():
    found = runtime.environment("/cache", {"NPM_CONFIG_REGISTRY": "https://r.example"}, "/node")
    assert found["YARN_NPM_REGISTRY_SERVER"] == "https://r.example"
    assert found["YARN_REGISTRY"] == "https://r.example"
