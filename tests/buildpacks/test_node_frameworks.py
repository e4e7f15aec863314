"""Frameworks: built, and started as their documents say, or served as files without Node."""

import json
import sys

import pytest

from tests.buildpacks.nodes import NPM, locked, package
from tests.buildpacks.sandbox import APPS, REPOSITORY, files_of

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from lifecycle.say import Failure
from nodejs import frameworks, pack, processes
from nodejs.manifest import Package


def app(name: str) -> dict[str, str | bytes]:
    return dict(files_of(APPS / name))


def test_a_vite_app_is_served_as_files_and_its_image_has_no_node(sandbox):
    built = sandbox.build(app("vite"), app="vite")
    assert built.status == 0, built.output
    assert all(layer.get("build_only") for layer in built.plan)
    assert built.layers[1:] == []
    assert not any(path.is_file() for path in (built.app / "node_modules").rglob("*"))
    with sandbox.serving(built) as site:
        assert b'<div id="root">' in site.get().body
        assert site.get("/any/path").body == site.get().body
        script = site.get().body.decode().split('src="')[1].split('"')[0]
        assert "immutable" in site.get(script).headers["Cache-Control"]
        packed = site.get(script, {"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert site.get("/missing.js").status == 404
        assert site.get("/package.json").status == 404


def test_config_vars_reach_the_build(sandbox):
    built = sandbox.build(app("vite"), app="vite", config={"VITE_NAME": "the build"})
    assert built.status == 0, built.output
    scripts = (built.app / "dist/assets").glob("*.js")
    assert any("the build" in path.read_text() for path in scripts)


@pytest.mark.heavy
def test_an_astro_site_of_several_pages_is_served_as_files(sandbox):
    built = sandbox.build(app("astro"), app="astro")
    assert built.status == 0, built.output
    with sandbox.serving(built) as site:
        assert b"Hello from Astro" in site.get().body
        assert b"About" in site.get("/about/").body
        assert site.get("/nowhere").status == 404


@pytest.mark.heavy
def test_sveltekit_is_served_by_its_node_adapter(sandbox):
    built = sandbox.build(app("sveltekit"), app="sveltekit")
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "node build"}
    with sandbox.serving(built) as site:
        assert b"Hello from SvelteKit" in site.get().body


@pytest.mark.heavy
def test_next_starts_with_its_production_packages_and_keeps_its_build_cache(sandbox):
    built = sandbox.build(app("next"), app="next")
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "next start"}
    assert not (built.app / ".next/cache").exists()
    kept = sandbox.root / "cache-next" / "builds"
    assert any(path.is_file() for path in kept.glob("*/.next+cache/**/*"))
    with sandbox.serving(built) as site:
        assert b"Hello from Next" in site.get().body


@pytest.mark.heavy
def test_nuxt_runs_what_it_has_bundled(sandbox):
    built = sandbox.build(app("nuxt"), app="nuxt")
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "node .output/server/index.mjs"}
    assert len(built.layers) == 2  # source and runtime
    with sandbox.serving(built) as site:
        assert b"Hello from Nuxt" in site.get().body


@pytest.mark.heavy
def test_nest_is_compiled_and_started_for_production(sandbox):
    built = sandbox.build(app("nest"), app="nest")
    assert built.status == 0, built.output
    assert built.build["processes"] == {"web": "node dist/main"}
    with sandbox.serving(built) as site:
        assert site.get().body == b"Hello from Nest"


@pytest.mark.heavy
def test_native_addons_are_compiled_or_fetched(sandbox):
    # SQLite in a fifth of the time
    built = sandbox.build(app("native"), app="native", config={"CFLAGS": "-O0"})
    assert built.status == 0, built.output
    with sandbox.serving(built) as site:
        assert site.get().body == b"two 2 true true\n"


# -- what is said of an app before it is built -----------------------------------------------


def said(tmp_path, dependencies, scripts, **files):
    document = {"name": "shop", "devDependencies": dict.fromkeys(dependencies, "*")}
    (tmp_path / "package.json").write_text(json.dumps({**document, "scripts": scripts}))
    for name, text in files.items():
        (tmp_path / name.replace("__", ".")).write_text(text)
    made = frameworks.outcome(Package(str(tmp_path)))
    return made.shape, made.command or made.folders[:1]


BUILD = {"build": "something"}
NUXT = "node .output/server/index.mjs"
ASTRO = "env HOST=0.0.0.0 node dist/server/entry.mjs"
NEXT = "next start --hostname 0.0.0.0"


@pytest.mark.parametrize(
    ("dependencies", "scripts", "expected"),
    [
        (["react-scripts"], {**BUILD, "start": "react-scripts start"}, ("site", ("build",))),
        (["@vue/cli-service"], BUILD, ("site", ("dist",))),
        (["gatsby"], {**BUILD, "start": "npm run develop"}, ("site", ("public",))),
        (
            ["@docusaurus/core"],
            {**BUILD, "start": "docusaurus start"},
            ("site", ("build",)),
        ),
        (["@11ty/eleventy"], {**BUILD, "start": "eleventy --serve"}, ("site", ("_site",))),
        (["@angular/core"], {**BUILD, "start": "ng serve"}, ("site", ("dist/*/browser",))),
        (["vitepress"], BUILD, ("site", (".vitepress/dist",))),
        (["parcel"], {**BUILD, "start": "parcel src/index.html"}, ("site", ("dist",))),
        (["vite"], {**BUILD, "start": "vite"}, ("site", ("dist",))),
        (["vite"], {**BUILD, "start": "vite preview --port 8080"}, ("site", ("dist",))),
        (["astro"], {**BUILD, "start": "astro preview"}, ("site", ("dist",))),
        (["vite"], {**BUILD, "start": "node server.js"}, ("server", ())),
        (["nuxt"], {"build": "nuxt generate"}, ("site", (".output/public",))),
        (["nuxt"], {**BUILD, "start": "node .output/server/index.mjs"}, ("bundle", NUXT)),
        (["astro", "@astrojs/node"], BUILD, ("server", ASTRO)),
        (["@sveltejs/kit", "@sveltejs/adapter-static", "vite"], BUILD, ("site", ("build",))),
        (["next"], {**BUILD, "start": "node custom.js"}, ("server", ())),
        (["express"], {"start": "node app.js"}, ("server", ())),
    ],
)  # fmt: skip
def test_the_shape_of_an_app_follows_from_its_framework(tmp_path, dependencies, scripts, expected):
    assert said(tmp_path, dependencies, scripts) == expected


def test_angular_runs_its_server_where_it_has_one(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/server.ts").write_text("")
    dependencies = ["@angular/core", "@angular/ssr"]
    scripts = {**BUILD, "start": "ng serve", "serve:ssr:web": "node dist/web/server/server.mjs"}
    assert said(tmp_path, dependencies, scripts) == ("server", "node dist/web/server/server.mjs")
    assert pack.environment(str(tmp_path), {})["NG_ALLOWED_HOSTS"] == "*"
    assert said(tmp_path, dependencies, BUILD)[1] == "node dist/shop/server/server.mjs"
    (tmp_path / "angular.json").write_text('{"outputMode": "static"}')
    assert said(tmp_path, dependencies, scripts)[0] == "site"


def test_next_says_in_its_configuration_what_it_makes(tmp_path):
    export = "export default { output: 'export' }"
    assert said(tmp_path, ["next"], BUILD) == ("server", NEXT)
    (tmp_path / "next.config.mjs").write_text("// output: 'export'\nexport default {}")
    assert said(tmp_path, ["next"], BUILD)[0] == "server"
    (tmp_path / "next.config.mjs").write_text(export)
    assert said(tmp_path, ["next"], BUILD) == ("site", ("out",))


def test_nexts_own_server_gets_its_static_files_beside_it(tmp_path):
    for name in (".next/static/a.js", ".next/standalone/server.js", "public/note.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "next.config.js").write_text("module.exports = { output: 'standalone' };")
    shape, command = said(tmp_path, ["next"], {**BUILD, "start": "next start"})
    assert (shape, command) == ("bundle", "env HOSTNAME=0.0.0.0 node .next/standalone/server.js")
    package = Package(str(tmp_path))
    processes.finish(package, frameworks.outcome(package))
    standalone = tmp_path / ".next/standalone"
    assert (standalone / ".next/static/a.js").read_text() == ".next/static/a.js"
    assert (standalone / "public/note.txt").read_text() == "public/note.txt"


def test_an_app_with_a_server_of_its_own_is_no_site(tmp_path):
    assert said(tmp_path, ["vite"], BUILD, server__js="") == ("server", ())


def test_sveltekit_without_a_fitting_adapter_says_which_to_add(tmp_path):
    with pytest.raises(Failure) as failed:
        said(tmp_path, ["@sveltejs/kit", "@sveltejs/adapter-auto"], BUILD)
    assert "@sveltejs/adapter-node is not installed" in failed.value.message
    assert "npm install --save-dev @sveltejs/adapter-node" in failed.value.hint
    assert "name it in svelte.config.js" in failed.value.hint
    (tmp_path / "vite.config.ts").write_text("sveltekit({ adapter: adapter() })")
    with pytest.raises(Failure, match="no adapter") as failed:
        said(tmp_path, ["@sveltejs/kit", "@sveltejs/adapter-auto"], BUILD)
    assert "name it in vite.config.ts" in failed.value.hint


def test_a_build_that_makes_no_page_is_explained(sandbox):
    document = package(
        scripts={"build": "mkdir -p elsewhere && cp index.html elsewhere/"},
        devDependencies={"parcel": "file:./parcel"},
    )
    stub = {"parcel/package.json": '{"name": "parcel", "version": "2.0.0"}'}
    files = {**locked(sandbox, document, NPM, **stub), **stub, "index.html": "<p>hello</p>"}
    del files["server.js"]
    failed = sandbox.build(files)
    assert failed.status == 1
    assert failed.error["message"].startswith("the build script made no folder with an index.html")
    assert "static.json" in failed.error["hint"]
    named = sandbox.build({**files, "static.json": '{"root": "elsewhere"}'})
    assert named.status == 0, named.output
    with sandbox.serving(named) as site:
        assert site.get().body == b"<p>hello</p>"
