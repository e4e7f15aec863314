"""Repositories of several packages: which of them is the app, and what is built before it."""

import json

import pytest

from tests.buildpacks.nodes import NPM, SERVER, locked, package
from tests.buildpacks.sandbox import APPS, files_of


def test_the_workspace_that_config_names_is_built_after_what_it_needs(sandbox):
    built = sandbox.build(
        dict(files_of(APPS / "workspaces")), app="workspaces", config={"NODE_WORKSPACE": "web"}
    )
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "cd apps/web && exec node server.js"}
    assert "Running the build script of packages/shelf" in built.output
    with sandbox.serving(built) as site:
        assert site.get().body == b"a book 3 1m\n"
    other = sandbox.build(
        dict(files_of(APPS / "workspaces")), app="workspaces", config={"NODE_WORKSPACE": "apps/api"}
    )
    assert other.build["processes"] == {"web": "cd apps/api && exec node api.js"}
    assert "Running the build script" not in other.output


def test_several_apps_in_one_repository_have_to_be_chosen_from(sandbox):
    failed = sandbox.build(dict(files_of(APPS / "workspaces")))
    assert failed.error["message"] == "several workspaces can be started: apps/api, apps/web"
    assert "config:set <app> NODE_WORKSPACE=apps/api" in failed.error["hint"]
    wrong = sandbox.build(
        dict(files_of(APPS / "workspaces")), config={"NODE_WORKSPACE": "apps/shop"}
    )
    assert wrong.error["message"].startswith("NODE_WORKSPACE is 'apps/shop', which is no workspace")


@pytest.fixture
def shelf():
    inner = {"name": "shelf", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}
    return {"packages/shelf/package.json": json.dumps(inner)}


def test_workspaces_are_installed_from_their_own_manifests(sandbox, shelf):
    document = package(workspaces=["packages/*"], scripts={"start": "node server.js"})
    files = {
        **locked(sandbox, document, NPM, **shelf),
        "packages/shelf/index.js": "module.exports = require('ms')",
        "server.js": SERVER.replace('"hello "', 'require("shelf")(60000)'),
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "packages/shelf/package.json" in built.plan[1]["files"]
    assert "packages/shelf/index.js" not in built.plan[1]["files"]
    with sandbox.serving(built) as site:
        assert site.get().body.startswith(b"1m")


def test_the_only_app_among_the_workspaces_is_found(sandbox, shelf):
    document = package(workspaces=["packages/*", "web"])
    web = {"web/package.json": json.dumps({"name": "web", "scripts": {"start": "node app.js"}})}
    files = {
        **locked(sandbox, document, NPM, **shelf, **web),
        "web/app.js": SERVER,
    }
    del files["server.js"]
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "the app is the workspace web" in built.output
    with sandbox.serving(built) as site:
        assert site.get().body.startswith(b"hello v")
