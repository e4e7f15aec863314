"""PHP apps: Composer, nginx and Apache, extensions, frameworks, and what goes wrong."""

import signal

import pytest

from tests.buildpacks.sandbox import APPS, files_of, send
from tests.buildpacks.test_go import built, failed

APP = {name: data.decode() for name, data in files_of(APPS / "php").items()}
PAGE = '<?php echo "page ", $_SERVER["REQUEST_URI"], "\\n";\n'


def test_packages_of_the_repository_are_installed_and_pages_served_by_nginx(sandbox):
    made = built(sandbox, APP, app="php")
    assert "Mirroring from packages/greeting" in made.output
    assert "serving public/ with nginx" in made.output
    assert made.build["processes"] == {"web": "heroku-php-nginx public"}
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from PHP\n"
        assert site.get("/any/path?x=1").body == b"Hello from PHP\n", "index.php answers"
        assert {"mbstring", "intl", "pdo_pgsql"} <= set(
            site.get("/extensions").body.decode().split()
        )
        assert site.get("/scheme", {"X-Forwarded-Proto": "https"}).body == b"on"
        assert site.get("/.env").status == 404
        send(site.process, signal.SIGTERM)
        assert site.process.wait(timeout=60) == 0


def test_a_change_of_a_page_installs_nothing(sandbox):
    built(sandbox, APP, app="php")
    changed = {
        **APP,
        "public/index.php": APP["public/index.php"].replace("from('PHP')", "from('it')"),
    }
    files = {**changed, "composer.json": APP["composer.json"]}
    made = built(sandbox, files, app="php")
    assert "Debian packages" not in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from it\n"


def test_apache_serves_it_when_config_says_so_and_obeys_its_own_files(sandbox):
    files = {
        "index.php": PAGE,
        ".htaccess": "RewriteEngine On\nRewriteRule ^old$ /index.php?new [L]\n",
        "composer.json": "{}",
        "note.txt": "a file\n",
    }
    made = built(sandbox, files, config={"PHP_SERVER": "apache2"})
    assert made.build["processes"] == {"web": "heroku-php-apache2"}
    with sandbox.serving(made) as site:
        assert site.get("/").body == b"page /\n"
        assert site.get("/old").body == b"page /old\n"
        assert site.get("/note.txt").body == b"a file\n"
        assert site.get("/composer.json").status == 403
        send(site.process, signal.SIGTERM)
        assert site.process.wait(timeout=60) == 0


def test_a_plain_page_needs_no_composer_and_herokus_procfiles_work(sandbox):
    files = {"index.php": PAGE, "Procfile": "web: vendor/bin/heroku-php-nginx -C extra.conf\n"}
    extra = {"extra.conf": "location = /extra { return 200 'extra\\n'; }\n"}
    made = built(sandbox, {**files, **extra})
    assert made.build["processes"] == {}
    with sandbox.serving(made, "vendor/bin/heroku-php-nginx -C extra.conf") as site:
        assert site.get("/x").body == b"page /x\n"
        assert site.get("/extra").body == b"extra\n"
        assert site.get("/Procfile").status == 404


def test_a_committed_vendor_folder_is_used_as_it_is(sandbox):
    files = {
        "composer.json": '{"require": {"example/lib": "^1.0"}}',
        "vendor/autoload.php": '<?php const GREETING = "vendored";\n',
        "public/index.php": '<?php require "../vendor/autoload.php"; echo GREETING;\n',
    }
    made = built(sandbox, files)
    assert "vendor/ is in the repository and is used as it is" in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"vendored"


def test_the_apps_own_scripts_and_classes_are_seen_to_after_the_packages(sandbox):
    document = """{
        "autoload": {"classmap": ["lib"]},
        "scripts": {"post-install-cmd": "echo installed > made.txt", "compile": "@php lib/make.php"}
    }"""
    files = {
        "composer.json": document,
        "lib/Shelf.php": "<?php class Shelf { const SIZE = 3; }\n",
        "lib/make.php": '<?php file_put_contents("compiled.txt", "yes");\n',
        "index.php": '<?php require "vendor/autoload.php"; echo Shelf::SIZE;\n',
    }
    made = built(sandbox, files)
    assert (made.app / "made.txt").read_text() == "installed\n"
    assert (made.app / "compiled.txt").read_text() == "yes"
    with sandbox.serving(made) as site:
        assert site.get().body == b"3"


@pytest.mark.parametrize(
    ("files", "package"),
    [
        ({"composer.json": '{"require": {"ext-redis": "*"}}'}, "php8.4-redis"),
        ({"composer.json": '{"require": {"ext-imagick": "*", "ext-json": "*"}}'}, "php8.4-imagick"),
        (
            {
                "composer.json": '{"require": {}}',
                "composer.lock": '{"packages": [{"name": "a/b", "require": {"ext-apcu": "*"}}]}',
            },
            "php8.4-apcu",
        ),
    ],
)
def test_extensions_that_are_required_come_from_debian(sandbox, files, package):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    assert package in sandbox.planned(files, **folders)[0]["wants"]


def test_laravel_is_told_of_its_key_and_logs_to_the_platform(sandbox):
    files = {"artisan": "", "bootstrap/app.php": "<?php\n", "public/index.php": PAGE}
    made = built(sandbox, files)
    assert "APP_KEY is not set" in made.output
    assert made.build["environment"]["LOG_CHANNEL"] == "stderr"
    assert "APP_KEY" not in built(sandbox, files, config={"APP_KEY": "x"}).output


LOCK = APP["composer.lock"]
BAD = {
    "a broken composer.json": (
        {"composer.json": '{"require": {,}}'},
        {},
        "composer.json is not valid JSON: ",
        "correct it",
    ),
    "no lock": (
        {name: text for name, text in APP.items() if name != "composer.lock"},
        {},
        "composer.json names packages, but there is no composer.lock",
        "composer update",
    ),
    "a lock that does not fit": (
        {**APP, "composer.json": APP["composer.json"].replace(
            '"ext-mbstring": "*",', '"ext-mbstring": "*",\n        "example/other": "^1.0",')},
        {},
        "composer.lock does not fit composer.json: it has no example/other",
        "composer update",
    ),
    "an older PHP wanted": (
        {**APP, "composer.json": APP["composer.json"].replace("^8.2", "^7.4"),
         "composer.lock": LOCK.replace('"php": "^8.2"', '"php": "^7.4"')},
        {},
        "a package or the app wants PHP ^7.4, and this is PHP 8.4",
        "composer.json",
    ),
    "no such extension": (
        {"composer.json": '{"require": {"ext-imagik": "*"}}'},
        {},
        "composer.json requires ext-imagik, and Debian has no such extension of PHP 8.4",
        "correct its name",
    ),
    "a class folder that is not there": (
        {"composer.json": '{"autoload": {"classmap": ["database"]}}', "index.php": PAGE},
        {},
        "the autoloader of composer.json names database, which is not in the repository",
        "commit it",
    ),
    "a failing script": (
        {"composer.json": '{"scripts": {"compile": "exit 3"}}', "index.php": PAGE},
        {},
        "the compile script of composer.json failed with status 3",
        "see its lines above",
    ),
    "no such server": (
        {"index.php": PAGE},
        {"PHP_SERVER": "caddy"},
        "PHP_SERVER is 'caddy', which is no server of this buildpack",
        "PHP_SERVER=nginx",
    ),
    "no such folder": (
        {"index.php": PAGE},
        {"PHP_DOCUMENT_ROOT": "html"},
        "PHP_DOCUMENT_ROOT names html, which is no folder of the app",
        "config:set",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_remedy(sandbox, case):
    files, config, message, hint = BAD[case]
    said = failed(sandbox, files, config=config)
    assert said[0].startswith(message)
    assert hint in said[1]
