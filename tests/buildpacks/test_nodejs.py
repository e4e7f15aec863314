import json
import signal

import pytest

from tests.buildpacks.nodes import SERVER, locked, package
from tests.buildpacks.sandbox import APPS, send


def test_express_is_served_by_its_start_script(sandbox):
    built = sandbox.build(APPS / "express")
    assert built.status == 0, built.output
    assert "-----> Node.js app detected" in built.output
    assert built.build["processes"] == {"web": "node server.js"}
    with sandbox.serving(built) as site:
        assert site.get().body == b"Hello from Express\n"
        send(site.process, signal.SIGTERM)
        assert site.process.wait(timeout=60) == 0


def test_the_runtime_is_a_layer_that_apps_share(sandbox):
    one, other = sandbox.build(APPS / "express").plan, sandbox.build(APPS / "express").plan
    assert one[0] == other[0]
    assert one[0] == {
        "name": "runtime",
        "pack": "nodejs",
        "runtime": "node@24.x",
        "files": [],
        "provides": [".heroku/node"],
        "shared": True,
    }


def test_a_range_the_stack_does_not_fit_brings_that_node_and_an_npm_for_it(sandbox):
    files = {"package.json": package(engines={"node": ">=20.10  <21"}), "server.js": SERVER}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.plan[0]["runtime"] == "node@>=20.10 <21"
    assert "Node 20." in built.output
    assert built.build["processes"] == {"web": "node server.js"}
    with sandbox.serving(built) as site:
        assert site.get().body.startswith(b"hello v20.")
    done = sandbox.run(
        ["/.paas/launch", "npm --version"],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
        environment=built.build["environment"],
    )
    assert done.output.startswith("10.")


def test_a_build_script_has_the_development_tools_and_the_image_has_not(sandbox):
    document = package(
        scripts={
            "build": "build-it && echo built > made.txt",
            "start": "node server.js",
            "postinstall": "node generate.js",
        },
        dependencies={"ms": "2.1.3"},
        devDependencies={"semver": "7.6.0"},
    ).replace("build-it", "semver 1.2.3")
    files = locked(sandbox, document)
    files["generate.js"] = "require('fs').writeFileSync('generated.txt', 'yes')"
    built = sandbox.build(files)
    assert built.status == 0, built.output
    names = [layer["name"] for layer in built.plan]
    assert names == ["runtime", "dependencies", "build-dependencies"]
    assert (built.app / "made.txt").read_text() == "built\n"
    assert (built.app / "generated.txt").read_text() == "yes"
    seen = sandbox.run(
        ["ls", "/app/node_modules"],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
    )
    assert seen.output.split() == ["ms"]


def test_a_failing_build_script_is_named(sandbox):
    document = package(scripts={"build": "echo on its way; exit 3", "start": "node server.js"})
    failed = sandbox.build({"package.json": document, "server.js": SERVER})
    assert failed.status == 1
    assert "on its way" in failed.output
    assert failed.error["message"] == "the build script of package.json failed with status 3"


def test_a_start_script_with_hooks_is_started_by_npm(sandbox):
    scripts = {"start": "node server.js", "prestart": "true"}
    built = sandbox.build({"package.json": package(scripts=scripts), "server.js": SERVER})
    assert built.build["processes"] == {"web": "npm start"}
    with sandbox.serving(built) as site:
        assert site.get().status == 200


# -- what goes wrong ---------------------------------------------------------------------


DEPENDENT = {"dependencies": {"ms": "2.1.3"}, "scripts": {"start": "node server.js"}}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"package.json": package(**DEPENDENT)},
            "package.json names dependencies, but there is no lock file",
        ),
        (
            {"package.json": package(**DEPENDENT), "yarn.lock": "", "package-lock.json": "{}"},
            "there are lock files of 2 installers: package-lock.json, yarn.lock",
        ),
        ({"package.json": "{"}, "package.json is not valid JSON"),
        ({"package.json": "[]"}, "package.json is not a JSON object"),
        (
            {"package.json": package(engines={"node": "nightly; rm"})},
            "package.json: engines.node is 'nightly; rm', which is not a version range",
        ),
        (
            {"package.json": package(engines={"node": "nightly"}), "server.js": ""},
            "package.json: engines.node is 'nightly', which is not a version range",
        ),
        (
            {"package.json": package(engines={"node": "99.x"}), "server.js": ""},
            "there is no release of Node.js that fits engines.node '99.x'",
        ),
        (
            {"package.json": package(packageManager="pnpm@0.0.999"), "pnpm-lock.yaml": ""},
            "there is no pnpm 0.0.999",
        ),
        (
            {"package.json": package()},
            "package.json has no start script, and there is no Procfile",
        ),
    ],
)
def test_a_manifest_that_cannot_serve_is_explained(sandbox, files, message):
    failed = sandbox.build(files)
    assert failed.status == 1
    assert failed.error["message"].startswith(message)
    assert failed.error["hint"]


def lock(name, version):
    entry = {"version": version, "license": "MIT"}
    top = {"name": "sample", "version": "1.0.0", "dependencies": {name: version}}
    return json.dumps(
        {
            "name": "sample",
            "version": "1.0.0",
            "lockfileVersion": 3,
            "requires": True,
            "packages": {"": top, f"node_modules/{name}": entry},
        }
    )


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        (
            "a-package-of-nobody-in-particular",
            "1.0.0",
            "the package a-package-of-nobody-in-particular does not exist in the registry",
        ),
        ("ms", "99.0.0", "there is no release ms@99.0.0"),
    ],
)
def test_a_dependency_that_does_not_exist_is_named(sandbox, name, version, message):
    files = {
        "package.json": package(dependencies={name: version}),
        "package-lock.json": lock(name, version),
        "server.js": SERVER,
    }
    failed = sandbox.build(files)
    assert failed.status == 1
    assert failed.error["message"] == message


def test_a_lock_file_that_does_not_fit_is_refused(sandbox):
    files = {
        "package.json": package(dependencies={"ms": "2.1.3", "semver": "7.6.0"}),
        "package-lock.json": lock("ms", "2.1.3"),
        "server.js": SERVER,
    }
    failed = sandbox.build(files)
    assert failed.error["message"] == "package-lock.json does not fit package.json"
    assert failed.error["hint"] == "run npm install, and commit the lock file"


def test_committed_modules_are_left_out_and_named(sandbox):
    files = {
        "package.json": package(dependencies={"ms": "2.1.3"}),
        "package-lock.json": lock("ms", "2.1.3"),
        "node_modules/ms/index.js": "module.exports = () => 'committed'",
        "server.js": SERVER,
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "node_modules is in the repository, but is made anew by the build" in built.output
    assert not (built.app / "node_modules").exists()
