"""Several buildpacks in their order: other people's, ours, and the app's own."""

import json

PROCFILE = {"Procfile": "web: x\n"}
FLASK = {"requirements.txt": "six==1.17.0\n", "app.py": "import six\n"}


def test_export_reaches_the_next_compile_and_no_release(sandbox, pack):
    first = pack(
        "first",
        compile="echo 'export ADDED=\"two words\"' > export; echo 'PATH=/t:$PATH' >> export",
    )
    second = pack(
        "second", compile='echo "$ADDED|$PATH" > "$1/seen"; echo "export MORE=1" > export'
    )
    third = pack(
        "third",
        compile='echo "$ADDED|$MORE" > "$1/third"',
        release="echo \"{default_process_types: {web: 'x ${ADDED-none}'}}\"",
    )
    built = sandbox.build({}, buildpacks=[first, second, third], apart=True)
    assert built.status == 0, built.output
    assert (built.app / "seen").read_text() == "two words|/t:/usr/local/bin:/usr/bin:/bin\n"
    assert (built.app / "third").read_text() == "two words|1\n"
    assert built.build["processes"] == {"web": "x none"}
    assert "ADDED" not in built.build["environment"]


def test_only_the_last_packs_release_counts(sandbox, pack):
    release = (
        "printf -- '---\\nconfig_vars:\\n  KIND: %s\\ndefault_process_types:\\n  web: ./%s\\n'"
    )
    packs = [pack(name, compile="", release=f"{release} {name} {name}") for name in ("one", "two")]
    built = sandbox.build({}, buildpacks=packs)
    assert built.build["processes"] == {"web": "./two"}
    assert built.build["environment"]["KIND"] == "two"
    assert built.build["buildpacks"] == ["one", "two"]


def test_without_a_release_there_are_no_default_processes(sandbox, pack):
    assert sandbox.build(PROCFILE, buildpacks=[pack(compile="")]).build["processes"] == {}


def test_ours_and_others_go_together(sandbox, pack):
    other = pack(compile='node --version > "$1/node"')
    lock = {"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "x"}}}
    files = {
        "package.json": json.dumps({"name": "x", "scripts": {"start": "node x.js"}}),
        "package-lock.json": json.dumps(lock),
        "x.js": "",
    }
    built = sandbox.build({**files, **PROCFILE}, buildpacks=["nodejs", other])
    assert built.status == 0, built.output
    assert (built.app / "node").read_text().startswith("v")
    assert "/app/.heroku/node/bin" in built.build["environment"]["PATH"]


def test_our_layers_serve_behind_another_pack_that_changed_nothing_of_theirs(sandbox, pack):
    requirements = FLASK["requirements.txt"] + "# a layer that no other test has made\n"
    files = {**FLASK, **PROCFILE, "requirements.txt": requirements}
    built = sandbox.build(files, buildpacks=[pack(compile='touch "$1/made"'), "python"])
    assert built.status == 0, built.output
    assert [layer["name"] for layer in built.plan] == ["dependencies"]
    assert built.output.count("Installing dependencies") == 1
    assert not (built.app / ".venv").exists()
    assert (built.layers[1] / "app/.venv").is_dir()


def test_our_pack_installs_anew_where_another_exported_something(sandbox, pack):
    exports = pack(compile="echo 'export UV_OFFLINE_PROOF=1' > export")
    built = sandbox.build({**FLASK, **PROCFILE}, buildpacks=[exports, "python"])
    assert built.status == 0, built.output
    assert list(built.app.glob(".venv/lib/python3*/site-packages/six.py"))


def test_our_pack_installs_what_another_pack_asked_for(sandbox, pack):
    changes = pack(compile='echo "six==1.16.0" > "$1/requirements.txt"')
    built = sandbox.build({**FLASK, **PROCFILE}, buildpacks=[changes, "python"])
    assert built.status == 0, built.output
    assert list(built.app.glob(".venv/lib/python3*/site-packages/six-1.16.0*"))
    assert not list(built.app.glob(".venv/lib/python3*/site-packages/six-1.17.0*"))


def test_our_pack_builds_what_another_pack_brought_to_the_top(sandbox, pack):
    moves = pack(compile='mv "$1"/inner/* "$1/"')
    files = {f"inner/{name}": text for name, text in {**FLASK, **PROCFILE}.items()}
    built = sandbox.build(files, buildpacks=[moves, "python"])
    assert built.status == 0, built.output
    assert built.plan == []
    assert list(built.app.glob(".venv/lib/python3*/site-packages/six.py"))


def test_development_packages_installed_in_place_do_not_stay(sandbox, pack):
    package = {
        "name": "x",
        "version": "1.0.0",
        "scripts": {"build": "node -e \"require('left-pad')\"", "start": "node x.js"},
        "dependencies": {"is-number": "7.0.0"},
        "devDependencies": {"left-pad": "1.3.0"},
    }
    locked = {
        "": {key: value for key, value in package.items() if key != "scripts"},
        "node_modules/is-number": {"version": "7.0.0"},
        "node_modules/left-pad": {"version": "1.3.0", "dev": True},
    }
    lock = {"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": locked}
    files = {"package.json": json.dumps(package), "package-lock.json": json.dumps(lock)}
    exports = pack(compile='echo "export A=1" > export')
    built = sandbox.build({**files, **PROCFILE, "x.js": ""}, buildpacks=[exports, "nodejs"])
    assert built.status == 0, built.output
    assert (built.app / "node_modules/is-number").is_dir()
    assert not (built.app / "node_modules/left-pad").exists()


# -- the app's own ------------------------------------------------------------------------


def test_an_app_may_be_its_own_buildpack(sandbox):
    files = {
        "bin/compile": '#!/bin/bash\ncat "$1/page" "$3/WHO" > "$1/index.html"\n',
        "bin/release": "#!/bin/sh\necho 'default_process_types: {web: ./serve}'\n",
        "bin/report": "#!/bin/sh\necho 'made: here'\n",
        "serve": '#!/bin/sh\nexec python3 -m http.server "$PORT"\n',
        "page": "hello ",
    }
    built = sandbox.build(files, buildpacks=["inline"], config={"WHO": "world"}, apart=True)
    assert built.status == 0, built.output
    assert "-----> Inline app detected" in built.output
    assert built.build["reports"] == {"inline": {"made": "here"}}
    with sandbox.serving(built) as site:
        assert site.get("/").body == b"hello world"


def test_the_apps_own_detect_may_refuse(sandbox):
    files = {**PROCFILE, "bin/compile": "", "bin/detect": "#!/bin/sh\nexit 1\n"}
    failed = sandbox.build(files, buildpacks=["inline"])
    assert failed.error["message"].startswith("the inline buildpack was chosen, but does not fit")


def test_what_the_apps_own_pack_exports_reaches_the_next(sandbox, pack):
    files = {**PROCFILE, "bin/compile": '#!/bin/sh\necho "export FROM_INLINE=1" > "$1/export"\n'}
    reads = pack(compile='echo "$FROM_INLINE" > "$1/seen"')
    built = sandbox.build(files, buildpacks=["inline", reads], apart=True)
    assert built.status == 0, built.output
    assert (built.app / "seen").read_text() == "1\n"
    assert not (built.app / "export").exists()
