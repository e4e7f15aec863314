"""npm, yarn, pnpm and bun: each by its own lock file, again, and with one package more."""

import json

import pytest

from tests.buildpacks.nodes import BERRY, BUN, NPM, PNPM, YARN, locked, modules, package
from tests.buildpacks.sandbox import APPS
from tests.buildpacks.tools import tool

MODULES = {".yarnrc.yml": "nodeLinker: node-modules\n"}
ALL = {
    "npm": (NPM, {}, {}),
    "yarn": (YARN, {}, {}),
    "berry": (BERRY, MODULES, {}),
    "pnpm": (PNPM, {}, {"packageManager": "pnpm@10.12.1"}),
    "bun": (BUN, {}, {}),
}
ONE = {"dependencies": {"ms": "2.1.3"}, "devDependencies": {"semver": "7.6.0"}}
TWO = {"dependencies": {"ms": "2.1.3", "clsx": "2.1.1"}, "devDependencies": {"semver": "7.6.0"}}
BUILDS = {"scripts": {"build": "semver 1.2.3 > built.txt", "start": "node server.js"}}


@pytest.mark.parametrize("name", ALL)
def test_a_new_package_is_added_to_what_is_there(sandbox, name):
    make, others, fields = ALL[name]
    app = f"grow-{name}"
    one = locked(sandbox, package(**ONE, **BUILDS, **fields), make, **others)
    first = sandbox.build(one, app=app)
    assert first.status == 0, first.output
    assert modules(first) == ["ms"]
    assert (first.app / "built.txt").read_text() == "1.2.3\n"
    two = locked(sandbox, package(**TWO, **BUILDS, **fields), make, **others)
    second = sandbox.build(two, app=app)
    assert second.status == 0, second.output
    assert modules(second) == ["clsx", "ms"]
    old, new = (built.layers[1] / "app/node_modules/ms" for built in (first, second))
    assert (old.resolve() / "index.js").samefile(new.resolve() / "index.js")
    again = sandbox.build({**two, "server.js": two["server.js"] + "// more"}, app=app)
    assert again.layers[1:] == second.layers[1:]
    assert "Installing" not in again.output
    # the lock file of the first manifest, the second manifest
    failed = sandbox.build({**one, "package.json": two["package.json"]}, app=app)
    lock = next(key for key in one if "lock" in key)
    assert failed.error["message"] == f"{lock} does not fit package.json"
    assert "commit" in failed.error["hint"]


def test_plug_and_play_starts_without_node_modules(sandbox):
    files = {path.name: path.read_text() for path in (APPS / "pnp").iterdir()}
    built = sandbox.build(files, app="pnp")
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "node server.js"}
    assert not (built.layers[1] / "app/node_modules").exists()
    names = [path.name for path in (built.layers[1] / "app/.yarn/cache").glob("*.zip")]
    assert any(name.startswith("express-npm") for name in names)
    assert not any(name.startswith("semver-npm") for name in names)
    with sandbox.serving(built) as site:
        assert site.get().body == b"Hello from PnP\n"
    again = sandbox.build({**files, "server.js": files["server.js"] + "// more\n"}, app="pnp")
    assert again.layers[1:] == built.layers[1:]


def test_committed_packages_of_yarn_are_linked_and_not_fetched(sandbox):
    document = json.dumps(
        {"name": "zero", "packageManager": "yarn@4.9.2", "dependencies": {"ms": "2.1.3"}}
    )
    setting = "export YARN_ENABLE_GLOBAL_CACHE=false HOME=/tmp npm_config_cache=/cache/npm"
    make = "npx --yes --package @yarnpkg/cli-dist@4.9.2 yarn install --no-immutable"
    made = tool(sandbox, {"package.json": document}, setting, f"touch yarn.lock && {make}")
    paths = [path for path in made.rglob("*") if path.is_file() and path.suffix != ".gz"]
    files = {str(path.relative_to(made)): path.read_bytes() for path in paths}
    files["server.js"] = (
        b"require('http').createServer((q, r) => r.end(require('ms')(1000)))"
        b".listen(process.env.PORT)"
    )
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert [layer["name"] for layer in built.plan] == ["runtime", "tools"]
    with sandbox.serving(built) as site:
        assert site.get().body == b"1s"


def test_package_manager_names_the_version_and_settles_which_lock_file_counts(sandbox):
    document = package(**ONE, packageManager="pnpm@10.12.1")
    files = locked(sandbox, document, PNPM)
    built = sandbox.build({**files, "yarn.lock": ""})
    assert built.status == 0, built.output
    assert built.plan[1]["runtime"] == "node@* pnpm@10.12.1"
    assert "yarn.lock is left aside" in built.output


def test_the_newest_pnpm_installs_too(sandbox):
    document = package(**ONE, engines={"pnpm": "12.x"})
    make = PNPM.replace("10.12.1", "12")
    built = sandbox.build(locked(sandbox, document, make))
    assert built.status == 0, built.output
    assert modules(built) == ["ms"]


def test_a_package_of_the_repository_is_part_of_the_key_by_its_folder(sandbox):
    document = package(dependencies={"shelf": "file:./shelf"})
    inner = {"shelf/package.json": '{"name": "shelf", "version": "1.0.0"}'}
    files = {
        **locked(sandbox, document, NPM, **inner),
        **inner,
        "shelf/index.js": "module.exports = () => 'a book'",
        "server.js": "require('http').createServer((q, r) => r.end(require('shelf')()))"
        ".listen(process.env.PORT)",
    }
    first = sandbox.build(files, app="local")
    assert first.status == 0, first.output
    assert "shelf/" in first.plan[1]["files"]
    with sandbox.serving(first) as site:
        assert site.get().body == b"a book"
    again = sandbox.build({**files, "notes.txt": "of another file"}, app="local")
    assert again.layers[1:] == first.layers[1:]
    changed = {**files, "shelf/index.js": "module.exports = () => 'two books'"}
    second = sandbox.build(changed, app="local")
    assert second.layers[1:] != first.layers[1:]
    with sandbox.serving(second) as site:
        assert site.get().body == b"two books"
