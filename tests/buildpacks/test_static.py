import gzip
import json

import pytest

from tests.buildpacks.sandbox import APPS

PAGE = "<!doctype html><p>home</p>"


@pytest.fixture(scope="module")
def sample(sandbox):
    built = sandbox.build(APPS / "static")
    assert built.status == 0, built.output
    with sandbox.serving(built) as site:
        yield built, site


def test_files_are_served_as_the_unprivileged_user(sample):
    built, site = sample
    assert "-----> Static app detected" in built.output
    assert b"Hello from files" in site.get().body
    assert site.get("/assets/style.css").headers["Content-Type"].startswith("text/css")


def test_pages_are_checked_again_and_hashed_files_kept_for_ever(sample):
    _, site = sample
    assert site.get("/").headers["Cache-Control"] == "no-cache"
    assert site.get("/index.html").headers["Cache-Control"] == "no-cache"
    hashed = site.get("/assets/app.3f9a1c2b.js").headers["Cache-Control"]
    assert hashed == "public, max-age=31536000, immutable"
    assert site.get("/assets/style.css").headers["Cache-Control"] == "public, max-age=300"


def test_text_is_sent_as_it_was_compressed_by_the_build(sample):
    built, site = sample
    answer = site.get("/assets/app.3f9a1c2b.js", {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.body == (built.app / "assets/app.3f9a1c2b.js.gz").read_bytes()
    assert b"console.log" in gzip.decompress(answer.body)


def test_a_missing_page_gets_the_sites_own_404(sample):
    _, site = sample
    answer = site.get("/nowhere")
    assert (answer.status, answer.body) == (404, b"<!doctype html><p>No such page</p>\n")


@pytest.mark.parametrize(
    "path", ["/.static/nginx.conf", "/.env", "/.git/config", "/%2estatic/start"]
)
def test_hidden_files_are_not_served(sample, path):
    _, site = sample
    assert site.get(path).status == 404


def test_a_range_is_answered_in_part(sample):
    _, site = sample
    answer = site.get("/index.html", {"Range": "bytes=0-13"})
    assert (answer.status, answer.body) == (206, b"<!doctype html")


def test_a_lone_index_is_a_single_page_app(sandbox):
    files = {"dist/index.html": PAGE, "dist/app.js": "1", "dist/deep/x.txt": "x"}
    built = sandbox.build(files)
    assert "serving dist with nginx" in built.output
    assert "single page app" in built.output
    with sandbox.serving(built) as site:
        assert site.get("/users/7").body.decode() == PAGE
        assert site.get("/users/7").headers["Cache-Control"] == "no-cache"
        assert site.get("/app.js").body == b"1"
        assert site.get("/missing.js").status == 404
        assert site.get("/deep/").body.decode() == PAGE


def test_several_pages_are_no_single_page_app(sandbox):
    built = sandbox.build({"index.html": PAGE, "about/index.html": "about"})
    with sandbox.serving(built) as site:
        assert site.get("/about/").body == b"about"
        assert site.get("/about").status in (200, 301)
        assert site.get("/nowhere").status == 404


def test_what_the_platform_reads_is_not_part_of_the_site(sandbox):
    built = sandbox.build({"index.html": PAGE, "app.json": "{}", "static.json": '{"root": "."}'})
    with sandbox.serving(built) as site:
        assert site.get("/app.json").status == 404
        assert site.get("/static.json").status == 404


def test_static_json_says_how_paths_are_answered(sandbox):
    document = {
        "root": "site",
        "clean_urls": True,
        "error_page": "lost.html",
        "routes": {"/app/**": "app.html"},
        "redirects": {"/old": {"url": "/new", "status": 302}},
        "headers": {"/**": {"X-Everywhere": "yes"}, "/private/*": {"Cache-Control": "no-store"}},
        "proxies": {"/api": {}},
    }
    files = {
        "static.json": json.dumps(document),
        "site/index.html": PAGE,
        "site/about.html": "about",
        "site/app.html": "the app",
        "site/lost.html": "lost",
        "site/private/x.html": "x",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "static.json: proxies is not used here" in built.output
    with sandbox.serving(built) as site:
        assert site.get("/about").body == b"about"
        assert site.get("/app/deep/path").body == b"the app"
        assert (site.get("/nope").status, site.get("/nope").body) == (404, b"lost")
        assert site.get("/").headers["X-Everywhere"] == "yes"
        private = site.get("/private/x.html")
        assert private.headers["Cache-Control"] == "no-store"
        assert private.headers["X-Everywhere"] == "yes"
        # redirects are followed by urllib: what counts is where they lead
        assert site.get("/old").status == 404


REDIRECTS = """\
# where things went
/old            /new.html
/blog/*         /news/:splat   302
/shop/*         /shop.html     200
/geo            /de            302  Country=de
"""
HEADERS = """\
/*
  X-Frame-Options: DENY
/new.html
  Cache-Control: no-store
"""


def test_netlifys_redirects_and_headers_are_read(sandbox):
    files = {
        "public/index.html": PAGE,
        "public/new.html": "new",
        "public/shop.html": "the shop",
        "public/news/today.html": "today",
        "public/_redirects": REDIRECTS,
        "public/_headers": HEADERS,
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "_redirects: this line is not used here: /geo /de 302 Country=de" in built.output
    with sandbox.serving(built) as site:
        assert site.get("/old").body == b"new"
        assert site.get("/blog/today.html").body == b"today"
        assert site.get("/shop/cart/7").body == b"the shop"
        assert site.get("/nowhere").status == 404
        assert site.get("/").headers["X-Frame-Options"] == "DENY"
        assert site.get("/new.html").headers["Cache-Control"] == "no-store"
        assert site.get("/_redirects").status == 404


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "static.json is not valid JSON"),
        ("[]", "static.json is not a JSON object"),
        ('{"root": "nowhere"}', "static.json: root is 'nowhere', and there is no such folder"),
        ('{"root": "../.."}', "static.json: root is '../..', and there is no such folder"),
        ('{"root": 7}', "static.json: root has the wrong type"),
        ('{"routes": {"/a": 1}}', "static.json: routes./a must be a printable text"),
        ('{"redirects": {"/a": {"status": 200, "url": "/"}}}', "static.json: redirects./a needs"),
        ("{}", "static.json names no root, and no folder has an index.html"),
    ],
)
def test_a_bad_static_json_is_explained(sandbox, text, message):
    index = {} if text == "{}" else {"index.html": PAGE}
    failed = sandbox.build({"static.json": text, **index})
    assert failed.status == 1
    assert failed.error["message"].startswith(message)


def test_a_procfile_beside_an_index_decides(sandbox):
    built = sandbox.build({"index.html": PAGE, "Procfile": "web: true\n"})
    assert built.build["buildpacks"] == ["procfile"]


def test_a_site_built_by_node_is_served_by_nginx(sandbox):
    scripts = {"build": "mkdir -p dist && echo built > dist/index.html"}
    files = {
        "package.json": json.dumps({"name": "site", "scripts": scripts}),
        "static.json": '{"root": "dist"}',
        "dist/old.txt": "",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.build["buildpacks"] == ["nodejs", "static"]
    with sandbox.serving(built) as site:
        assert site.get().body == b"built\n"
