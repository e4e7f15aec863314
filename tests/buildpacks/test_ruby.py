"""Ruby apps: gems from vendor/cache, Rack and Rails, other Rubies, and what goes wrong."""

import io
import signal
import tarfile

import pytest

from tests.buildpacks import gems, mirror
from tests.buildpacks.sandbox import packed, send

RACK = b"""run ->(env) { [200, {"content-type" => "text/plain"}, ["plain rack\\n"]] }
"""


@pytest.fixture(scope="module")
def vendored(sandbox):
    return gems.Packed(sandbox)


@pytest.fixture(scope="module")
def app(vendored):
    """The sample, with its gems in vendor/cache."""
    return vendored.app()


def build(sandbox, files, **options):
    return sandbox.build({}, archive=packed(files), **options)


def built(sandbox, files, **options):
    made = build(sandbox, files, **options)
    assert made.status == 0, (made.output, made.results)
    return made


def failed(sandbox, files, **options):
    made = build(sandbox, files, **options)
    assert made.status == 1, made.output
    return made.error["message"], made.error["hint"]


def test_sinatra_is_served_with_the_gems_of_the_repository(sandbox, app):
    made = built(sandbox, app, app="ruby")
    assert "Installing gems from vendor/cache" in made.output
    assert "Ruby 3.3." in made.output
    assert made.build["processes"] == {"web": "bundle exec rackup config.ru -o 0.0.0.0 -p $PORT"}
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Ruby\n"
        send(site.process, signal.SIGTERM)
        site.process.wait(timeout=60)


def test_a_change_of_source_installs_no_gem(sandbox, app):
    built(sandbox, app, app="ruby")
    changed = {**app, "app.rb": app["app.rb"].replace(b"Hello from", b"Hi from")}
    made = built(sandbox, changed, app="ruby")
    assert "Installing gems" not in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hi from Ruby\n"


def test_a_gem_less_in_the_lock_file_is_a_gem_less_in_the_image(sandbox, app, vendored):
    gemfile = b'source "https://rubygems.org"\n\ngem "rackup"\ngem "webrick"\n'
    files = {
        **app, "Gemfile": gemfile, "Gemfile.lock": vendored.lock(gemfile), "config.ru": RACK
    }  # fmt: skip
    built(sandbox, app, app="ruby")
    made = built(sandbox, files, app="ruby")
    folder = next(made.layers[1].glob("app/vendor/bundle/ruby/*/gems"))
    names = {path.name.rpartition("-")[0] for path in folder.iterdir() if path.is_dir()}
    assert {"rack", "rackup", "webrick"} <= names
    assert "sinatra" not in names
    with sandbox.serving(made) as site:
        assert site.get().body == b"plain rack\n"


def test_a_patch_release_in_the_gemfile_is_served_by_debians_of_that_minor_version(sandbox, app):
    made = built(sandbox, {**app, "Gemfile": b'ruby "3.3.1"\n' + app["Gemfile"]}, app="patch")
    assert "Gemfile has 3.3.1; patch releases follow Debian's" in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Ruby\n"


@pytest.mark.parametrize(
    ("files", "wants"),
    [
        ({}, "3.3"),
        ({".ruby-version": "3.3.1\n"}, "3.3"),
        ({".ruby-version": "ruby-3.4.2\n"}, "3.4.2"),
        ({"Gemfile": 'ruby "3.2.5"\n'}, "3.2.5"),
        ({"Gemfile": 'ruby ">= 3.1.0"\n'}, "3.3"),
        ({"Gemfile.lock": "RUBY VERSION\n   ruby 3.4.1p0\n", ".ruby-version": "3.3.0"}, "3.4.1"),
    ],
)
def test_the_version_is_what_the_lock_file_or_the_gemfile_says(sandbox, files, wants):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    plan = sandbox.planned({"Gemfile": "", "Gemfile.lock": "", **files}, **folders)
    assert plan[-1]["runtime"] == wants
    assert plan[0]["pack"] == ("debian" if wants == "3.3" else "ruby")


def test_another_ruby_comes_from_the_mirror_that_config_names(sandbox, tmp_path):
    folder = tmp_path / "heroku-24/amd64"
    folder.mkdir(parents=True)
    program = b"#!/bin/sh\necho ruby 3.4.2\n"
    with tarfile.open(folder / "ruby-3.4.2.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("bin/ruby")
        member.size, member.mode = len(program), 0o755
        archive.addfile(member, io.BytesIO(program))
    files = {"Gemfile": "", "Gemfile.lock": "", ".ruby-version": "3.4.2"}
    with mirror.serving(tmp_path) as address:
        config = sandbox.config({"RUBY_MIRROR_URL": address})
        plan = sandbox.planned(files, config=config, cache=sandbox.fresh("cache"))
        made = sandbox.layer(
            "", plan[0], [], bytes(1024), config=config, cache=sandbox.fresh("cache")
        )
        assert made.status == 0, made.results
        assert (made.upper / "app/.heroku/ruby/bin/ruby").read_bytes() == program
        plan[0]["runtime"] = "3.4.9"
        gone = sandbox.layer(
            "", plan[0], [], bytes(1024), config=config, cache=sandbox.fresh("cache")
        )
    message = gone.results["error"]["message"]
    assert message == f"Ruby 3.4.9 could not be had from {address}: it answered 404"
    assert "RUBY_MIRROR_URL" in gone.results["error"]["hint"]


BAD = {
    "no lock": (
        lambda app: {name: data for name, data in app.items() if name != "Gemfile.lock"},
        "there is a Gemfile, but no Gemfile.lock",
        "bundle install",
    ),
    "a lock that does not fit": (
        lambda app: {**app, "Gemfile": app["Gemfile"] + b'gem "puma"\n'},
        "Gemfile.lock does not fit the Gemfile",
        "commit Gemfile.lock",
    ),
    "a broken Gemfile": (
        lambda app: {**app, "Gemfile": app["Gemfile"] + b"gem 'x\n"},
        "the Gemfile cannot be read: ",
        "correct it",
    ),
    "a gem that is not vendored": (
        lambda app: {name: data for name, data in app.items() if "/tilt-" not in name},
        "the gem tilt is not to be had",
        "bundle cache",
    ),
    "another platform's lock": (
        lambda app: {
            **app,
            "Gemfile.lock": app["Gemfile.lock"].replace(b"  ruby\n", b"").replace(
                b"  x86_64-linux-gnu\n", b"  arm64-darwin-23\n"
            ).replace(b"  x86_64-linux\n", b"  arm64-darwin-23\n"),
        },
        'Gemfile.lock is for "arm64-darwin-23", and this is x86_64-linux-gnu',
        "bundle lock --add-platform x86_64-linux",
    ),
    "a Ruby that is none": (
        lambda app: {**app, ".ruby-version": b"newest\n"},
        ".ruby-version says 'newest', which is not a version of Ruby",
        "3.3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_remedy(sandbox, app, case):
    change, message, hint = BAD[case]
    said = failed(sandbox, change(app))
    assert said[0].startswith(message)
    assert hint in said[1]


def test_a_native_extension_without_its_library_names_debians_package(sandbox, vendored):
    lock = (
        "GEM\n  remote: https://rubygems.org/\n  specs:\n    shelf (1.0.0)\n\n"
        "PLATFORMS\n  ruby\n  x86_64-linux-gnu\n\nDEPENDENCIES\n  shelf\n"
    )
    files = {
        "Gemfile": b'source "https://rubygems.org"\n\ngem "shelf"\n',
        "Gemfile.lock": lock.encode(),
        "vendor/cache/shelf-1.0.0.gem": vendored.native(),
    }
    message, hint = failed(sandbox, files)
    assert message == "the native extension of the gem shelf misses the header vips/vips.h"
    assert hint == "add a file named Aptfile with the line: libvips-dev"


def test_rails_assets_are_prepared_with_values_that_only_let_it_start(sandbox, vendored):
    """Rails is nowhere to be had here: rake of Debian stands for it, run as Rails would be."""
    code = """
import os, sys
sys.path.insert(0, "/buildpacks")
from lifecycle import child
from ruby import rails
os.makedirs("/tmp/app/config"), os.chdir("/tmp/app")
open("config.ru", "w").close()
open("Gemfile.lock", "w").write("GEM\\n  specs:\\n    railties (8.0.0)\\n    propshaft (1.0.0)\\n")
open("bundle", "w").write("#!/bin/sh\\necho $* $RAILS_ENV ${#SECRET_KEY_BASE} >> tmp/cache/seen\\n")
os.chmod("bundle", 0o755)
base = {"PATH": "/tmp/app:" + os.environ["PATH"]}
for variables in ({}, {"SECRET_KEY_BASE": "given"}):
    rails.precompile("/tmp/app", "/cache", variables, base)
print(open("/cache/ruby/assets/seen").read(), os.path.lexists("tmp/cache"))
"""
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    said = sandbox.run(["/usr/bin/python3", "-c", code], [], **folders).output
    assert "neither SECRET_KEY_BASE nor RAILS_MASTER_KEY is set" in said
    assert "exec rake assets:precompile production 128\n" in said
    assert "exec rake assets:precompile production 5\n" in said
    assert said.endswith("False\n"), "the link to the cache is not part of the app"
