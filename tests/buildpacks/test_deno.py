"""Apps that Deno runs."""

import json
import sys

import pytest

from tests.buildpacks.sandbox import APPS, REPOSITORY, files_of

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from deno import manifest, pack

SERVES = 'Deno.serve(() => new Response("hello"));\n'


def test_a_deno_app_listens_where_it_is_told_and_keeps_its_packages(sandbox):
    files = dict(files_of(APPS / "deno"))
    built = sandbox.build(files, app="deno")
    assert built.status == 0, built.output
    assert "-----> Deno app detected" in built.output
    assert built.build["processes"] == {"web": "deno run -A main.ts"}
    with sandbox.serving(built) as site:
        assert site.get().body == b"Hello from Deno\n"
    greeting = files["greeting.ts"].replace(b"Hello", b"Bye")
    again = sandbox.build({**files, "greeting.ts": greeting}, app="deno")
    assert again.layers[1:] == built.layers[1:]
    assert ".tgz" not in again.output
    with sandbox.serving(again) as site:
        assert site.get().body == b"Bye from Deno\n"


def test_a_new_package_is_all_that_is_fetched(sandbox):
    files = {"deno.json": '{"imports": {"ms": "npm:ms@2.1.3"}}', "main.ts": SERVES}
    first = sandbox.build(files, app="deno-more")
    assert first.status == 0, first.output
    assert "there is no deno.lock" in first.output
    imports = '{"imports": {"ms": "npm:ms@2.1.3", "clsx": "npm:clsx@2.1.1"}}'
    second = sandbox.build({**files, "deno.json": imports}, app="deno-more")
    assert second.status == 0, second.output
    assert "clsx-2.1.1.tgz" in second.output
    assert "ms-2.1.3.tgz" not in second.output


def test_a_module_with_a_default_export_is_served_by_deno(sandbox):
    files = {
        "deno.json": "{}",
        "main.ts": "export default { fetch: () => new Response(`deno ${Deno.version.deno}`) };\n",
        ".dvmrc": "2.9.0\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.build["processes"]["web"].startswith("deno serve ")
    with sandbox.serving(built) as site:
        assert site.get().body == b"deno 2.9.0"


def test_packages_of_package_json_and_the_build_task_are_made(sandbox):
    files = {
        "deno.json": json.dumps({"tasks": {"build": "echo built > built.txt"}}),
        "package.json": json.dumps({"dependencies": {"ms": "2.1.3"}}),
        "main.ts": 'import ms from "ms";\nimport process from "node:process";\n'
        "Deno.serve({ port: Number(process.env.PORT) }, () => new Response(ms(60000)));\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert (built.app / "built.txt").read_text() == "built\n"
    assert (built.layers[1] / "app/node_modules/ms/index.js").exists()
    with sandbox.serving(built) as site:
        assert site.get().body == b"1m"


LOCK = '{"version": "5", "specifiers": {"npm:ms@2.1.2": "2.1.2"}, "npm": {"ms@2.1.2": {}}}'


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"deno.json": "{"}, "deno.json is not valid JSON"),
        ({"deno.json": "[]"}, "deno.json is not a JSON object"),
        ({"deno.json": "{}"}, "deno.json has no start task, and there is no main.ts that serves"),
        (
            {"deno.json": "{}", "main.ts": SERVES, ".deno-version": "newest"},
            ".deno-version says 'newest', which is not a version of Deno",
        ),
        (
            {"deno.json": "{}", "main.ts": SERVES, ".deno-version": "2.0.999"},
            "there is no deno 2.0.999",
        ),
        (
            {"deno.json": '{"imports": {"ms": "npm:ms@2.1.3"}}', "deno.lock": LOCK, "main.ts": ""},
            "deno.lock does not fit deno.json",
        ),
        (
            {"deno.json": '{"imports": {"x": "npm:a-package-of-nobody-at-all@1"}}', "main.ts": ""},
            "the package a-package-of-nobody-at-all does not exist in the registry",
        ),
        (
            {"deno.json": '{"imports": {"ms": "npm:ms@99"}}', "main.ts": ""},
            "there is no release of ms that fits 99",
        ),
        (
            {"deno.json": "{}", "main.ts": 'import "./gone.ts";\n' + SERVES},
            "the app imports gone.ts, and there is no such file",
        ),
        (
            {"deno.json": "{}", "main.ts": 'import "express";\n' + SERVES},
            "the app imports express, which deno.json does not name",
        ),
    ],
)
def test_what_is_wrong_is_named(sandbox, files, message):
    failed = sandbox.build(files)
    assert failed.status == 1, failed.output
    assert failed.error["message"].startswith(message), failed.output
    assert failed.error["hint"]


def test_settings_may_have_comments_and_trailing_commas(tmp_path):
    text = '{\n// a comment\n"tasks": { /* one */ "start": "deno run -A a.ts # //x", },\n}'
    (tmp_path / "deno.jsonc").write_text(text)
    assert manifest.tasks(str(tmp_path)) == {"start": "deno run -A a.ts # //x"}


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"deno.json": '{"tasks": {"start": "deno run -A src/x.ts"}}'}, "deno run -A src/x.ts"),
        ({"deno.json": '{"tasks": {"start": "PORT=1 deno run x.ts"}}'}, "deno task start"),
        ({"deno.json": '{"tasks": {"start": {"command": "deno serve x.ts"}}}'}, "deno serve x.ts"),
        ({"deno.json": "{}", "server.ts": SERVES}, "deno run -A server.ts"),
        ({"deno.json": "{}"}, ""),
    ],
)
def test_the_start_task_comes_before_the_file_that_serves(tmp_path, files, command):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert pack.command(str(tmp_path)) == command


@pytest.mark.parametrize(
    ("files", "fits"),
    [
        ({"main.ts": SERVES}, True),
        ({"main.ts": "console.log(1)"}, False),
        ({"deno.json": "{}", "package.json": "{}"}, True),
        ({"deno.json": "{}", "package.json": '{"scripts": {"start": "node x"}}'}, False),
        ({"deno.lock": "{}"}, True),
        ({"main.ts": SERVES, "package.json": "{}"}, False),
    ],
)
def test_what_makes_a_deno_app(tmp_path, files, fits):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert bool(pack.detect(str(tmp_path))) is fits
