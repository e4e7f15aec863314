"""Apps that Bun runs, and those that it only installs."""

import json
import sys

import pytest

from tests.buildpacks.nodes import BUN, locked, package
from tests.buildpacks.sandbox import APPS, REPOSITORY, files_of

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from bun import pack


def test_a_bun_app_is_served_by_bun_alone_and_its_packages_are_kept(sandbox):
    files = dict(files_of(APPS / "bun"))
    built = sandbox.build(files, app="bun")
    assert built.status == 0, built.output
    assert "-----> Bun app detected" in built.output
    assert built.build["processes"] == {"web": "bun index.ts"}
    assert built.plan[0]["runtime"] == "bun@1"
    with sandbox.serving(built) as site:
        assert site.get().body == b"Hello from Bun\n"
    source = files["index.ts"].replace(b"Hello", b"Bye")
    again = sandbox.build({**files, "index.ts": source}, app="bun")
    assert again.layers[1:] == built.layers[1:]
    assert "Installing" not in again.output
    with sandbox.serving(again) as site:
        assert site.get().body == b"Bye from Bun\n"


def test_without_a_start_script_the_file_that_serves_is_run(sandbox):
    files = {
        "bunfig.toml": "",
        "server.ts": "Bun.serve({ fetch: () => new Response(`bun ${Bun.version}`) });",
        ".bun-version": "1.2.20\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "bun server.ts"}
    with sandbox.serving(built) as site:
        assert site.get().body == b"bun 1.2.20"


def test_bun_may_install_for_an_app_that_node_runs(sandbox):
    document = package(dependencies={"ms": "2.1.3"}, scripts={"start": "node server.js"})
    built = sandbox.build(locked(sandbox, document, BUN))
    assert built.status == 0, built.output
    assert "-----> Node.js app detected" in built.output
    assert built.plan[1]["runtime"] == "node@* bun@1"
    with sandbox.serving(built) as site:
        assert site.get().body.startswith(b"hello v")


SERVES = {"index.ts": "Bun.serve({ fetch })", "bun.lock": ""}


@pytest.mark.parametrize(
    ("fields", "files", "fits"),
    [
        ({"scripts": {"start": "bun run index.ts"}}, {"bun.lock": ""}, True),
        ({"scripts": {"start": "NODE_ENV=production && bun x.ts"}}, {"bun.lock": ""}, True),
        ({"scripts": {"start": "next start"}}, {"bun.lock": ""}, False),
        ({}, SERVES, True),
        ({}, {"bun.lock": "", "index.ts": "console.log(1)"}, False),
        ({}, {**SERVES, ".nvmrc": "22"}, False),
        ({"engines": {"node": "22.x"}}, SERVES, False),
        ({"engines": {"bun": "1.x"}, "scripts": {"start": "bun x.ts"}}, {}, True),
        ({"scripts": {"start": "bun x.ts"}}, {}, False),
        ({"dependencies": {"next": "16"}}, SERVES, False),
        ({}, {**SERVES, "Procfile": "web: bun index.ts\n"}, True),
        ({}, {**SERVES, "Procfile": "web: node index.js\n"}, False),
    ],
)
def test_who_runs_the_app_decides_whether_it_is_a_bun_app(tmp_path, fields, files, fits):
    (tmp_path / "package.json").write_text(json.dumps(fields))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert bool(pack.detect(str(tmp_path))) is fits


def test_a_version_that_does_not_exist_is_named(sandbox):
    files = {"bunfig.toml": "", "server.ts": "Bun.serve({})", ".bun-version": "0.0.999\n"}
    failed = sandbox.build(files)
    assert failed.error["message"] == "there is no bun 0.0.999"
