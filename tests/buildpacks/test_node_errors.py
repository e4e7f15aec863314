"""What goes wrong with Node apps, made to go wrong with the real tools, and what is said."""

import pytest

from tests.buildpacks.nodes import NPM, SERVER, locked, package

OLD = {"old/package.json": '{"name": "old", "version": "1.0.0", "engines": {"node": "<10"}}'}
STRICT = {".npmrc": "engine-strict=true\n"}


def test_a_package_for_another_node_is_named_with_what_it_wants(sandbox):
    document = package(dependencies={"old": "file:./old"})
    failed = sandbox.build({**locked(sandbox, document, NPM, **OLD), **OLD, **STRICT})
    assert failed.status == 1, failed.output
    assert failed.error["message"].startswith("old@")
    assert "does not work with this version of Node.js: it wants" in failed.error["message"]
    assert "<10" in failed.error["message"]
    assert "engines.node" in failed.error["hint"]


def test_packages_that_want_different_peers_are_named(sandbox):
    document = package(dependencies={"react": "17.0.2", "react-dom": "18.2.0"})
    failed = sandbox.build(locked(sandbox, document, f"{NPM} --legacy-peer-deps"))
    assert failed.error["message"].startswith("the dependencies contradict each other")
    assert "react-dom@18.2.0" in failed.error["message"]
    assert "--legacy-peer-deps" in failed.error["hint"]


def test_a_missing_system_library_is_named_with_the_line_that_mends_it(sandbox):
    native = {
        "fake/package.json": '{"name": "fake", "version": "1.0.0", '
        '"scripts": {"install": "node-gyp rebuild"}}',
        "fake/binding.gyp": "{'targets': [{'target_name': 'x', 'sources': ['x.c']}]}",
        "fake/x.c": "#include <magic.h>\n",
        ".npmrc": "install-links=true\n",
    }
    document = package(dependencies={"fake": "file:./fake"})
    failed = sandbox.build({**locked(sandbox, document, NPM, **native), **native})
    assert failed.status == 1
    assert failed.error["message"] == "the header magic.h of a system library is missing"
    assert failed.error["hint"] == "add a file named Aptfile with the line: libmagic-dev"


HUNGRY = "const all = []; for (;;) all.push('x'.repeat(1000) + Math.random())"
START = {"start": "node server.js"}


@pytest.mark.parametrize(
    ("scripts", "files", "message"),
    [
        ({"build": "vite build"}, {}, "the build script of package.json needs vite, which is not"),
        (
            {"build": "node build.js"},
            {"build.js": "require('esbuild')"},
            "the build script of package.json needs the package esbuild, which is not installed",
        ),
        (
            {"build": "node build.js"},
            {"build.js": "require('./Lib/x')", "lib/x.js": ""},
            "the build script of package.json needs the file ./Lib/x, which is not in the",
        ),
        (
            {"build": "node --max-old-space-size=20 build.js"},
            {"build.js": HUNGRY},
            "the build script of package.json ran out of memory",
        ),
        ({"build": "exit 3"}, {}, "the build script of package.json failed with status 3"),
        (
            {"start": "node dist/index.js"},
            {"src/index.ts": ""},
            "the app is started with node dist/index.js, and there is no such file: no build",
        ),
        (
            {"start": "nodemon server.js"},
            {},
            "the app is started with nodemon, which no package among the dependencies has",
        ),
    ],
)
def test_scripts_that_cannot_work_are_explained(sandbox, scripts, files, message):
    document = package(scripts={**START, **scripts})
    built = sandbox.build({"package.json": document, "server.js": SERVER, **files})
    assert built.status == 1, built.output
    assert built.error["message"].startswith(message)
    assert built.error["hint"]


def test_a_tool_among_the_development_packages_does_not_start_an_app(sandbox):
    document = package(
        scripts={"build": "semver 1.2.3", "start": "semver 1.2.3"},
        devDependencies={"semver": "7.6.0"},
    )
    failed = sandbox.build(locked(sandbox, document))
    assert failed.error["message"] == (
        "the app is started with semver, which is among the devDependencies: "
        "the image has only the dependencies"
    )


def test_a_start_script_by_another_name_is_pointed_at(sandbox):
    failed = sandbox.build({"package.json": package(scripts={"strat": "node app.js"})})
    assert failed.error["message"] == (
        "package.json has no start script, and there is no Procfile (it has strat)"
    )


def test_a_typescript_error_is_shown(sandbox):
    document = package(scripts={**START, "build": "tsc"}, devDependencies={"typescript": "5.8.3"})
    files = {"tsconfig.json": "{}", "a.ts": "const x: number = 'a';\n"}
    failed = sandbox.build({**locked(sandbox, document), **files})
    assert "error TS2322: Type 'string' is not assignable" in failed.error["message"]


def test_an_installer_other_than_the_lock_files_is_refused(sandbox):
    document = package(dependencies={"ms": "2.1.3"}, packageManager="pnpm@10.12.1")
    failed = sandbox.build({"package.json": document, "package-lock.json": "{}", "server.js": ""})
    assert failed.error["message"] == (
        "package.json asks for pnpm (packageManager), but the lock file is package-lock.json"
    )
    vague = package(dependencies={"ms": "2.1.3"}, packageManager="pnpm@10")
    failed = sandbox.build({"package.json": vague, "pnpm-lock.yaml": "", "server.js": ""})
    assert failed.error["message"].endswith("'pnpm@10', which names no exact version")


def test_a_misspelt_lock_file_is_pointed_at(sandbox):
    document = package(dependencies={"ms": "2.1.3"})
    failed = sandbox.build({"package.json": document, "package_lock.json": "{}", "server.js": ""})
    assert failed.error["message"] == (
        "package.json names dependencies, but there is no lock file: package_lock.json has a name "
        "that no installer reads"
    )
