"""Which part of a repository is built, and by what."""

import pytest

from tests.e2e.instance import Instance
from tests.e2e.samples import PLAIN, SERVER


def monorepo(**more: str) -> dict[str, str]:
    """A repository of two apps, and a file at the top that neither may see."""
    api = {f"services/api/{name}": text for name, text in PLAIN.items()}
    shop = {f"services/shop/{name}": text for name, text in PLAIN.items()}
    pages = {"services/api/page.txt": "the api", "services/shop/page.txt": "the shop"}
    return {**api, **shop, **pages, "top.txt": "x", "Procfile": "web: false\n", **more}


def test_one_directory_of_a_repository_is_built_as_if_there_were_nothing_else(platform: Instance):
    platform.ok("apps:create", "mono")
    platform.ok("builder:set", "mono", "build-dir", "./services//api/")
    repository = platform.repository("mono")
    repository.deploy(monorepo())
    assert platform.get("mono").text == "the api"
    seen = platform.ok("run", "mono", "ls", "-A", "/app")
    assert sorted(seen.split()) == ["Procfile", "page.txt", "server.py"]
    report = platform.json("builder:report", "mono")
    assert report["builder-build-dir"] == "services/api"
    assert report["detected"] == "herokuish"
    platform.ok("builder:set", "mono", "build-dir", "services/shop")
    platform.ok("ps:rebuild", "mono")
    assert platform.get("mono").text == "the shop"


def test_app_json_and_the_checks_of_the_directory_count(platform: Instance):
    platform.ok("apps:create", "monojson")
    platform.ok("builder:set", "monojson", "build-dir", "services/api")
    platform.ok("ps:set", "monojson", "procfile-path", "run/Procfile.api")
    platform.ok("app-json:set", "monojson", "appjson-path", "run/api.json")
    env = '{"env": {"GREETING": {"value": "hello from run/api.json"}}}'
    repository = platform.repository("monojson")
    repository.deploy(
        monorepo(
            **{
                "app.json": '{"env": {"UNSET": {"required": true}}}',
                "services/api/Procfile": "web: false\n",
                "services/api/run/Procfile.api": "web: python3 server.py\n",
                "services/api/run/api.json": env,
            }
        )
    )
    assert platform.get("monojson", "/env/GREETING").text == "hello from run/api.json"


def test_a_directory_that_the_commit_lacks_is_named(platform: Instance):
    platform.ok("apps:create", "monomiss")
    platform.ok("builder:set", "monomiss", "build-dir", "services/aip")
    repository = platform.repository("monomiss")
    output = repository.fail(monorepo())
    assert "the commit has no directory services/aip, which monomiss is built from" in output
    platform.ok("builder:set", "monomiss", "build-dir", "top.txt")
    assert "no directory top.txt" in repository.fail(monorepo())


def test_a_link_that_leaves_the_directory_is_refused_though_it_stays_in_the_repository(
    platform: Instance,
):
    platform.ok("apps:create", "monolink")
    platform.ok("builder:set", "monolink", "build-dir", "services/api")
    repository = platform.repository("monolink")
    repository.write(monorepo())
    (repository.path / "services/api/link").symlink_to("../../top.txt")
    output = repository.fail()
    assert "the symbolic link link points outside services/api" in output


def test_what_lies_beside_the_directory_does_not_matter(platform: Instance):
    platform.ok("apps:create", "monoside")
    platform.ok("builder:set", "monoside", "build-dir", "services/api")
    repository = platform.repository("monoside")
    repository.write(monorepo())
    (repository.path / "outside").symlink_to("/etc/passwd")
    repository.deploy()
    assert platform.get("monoside").text == "the api"


def test_the_null_builder_builds_nothing_and_says_how_to_choose_another(platform: Instance):
    platform.ok("apps:create", "nothing")
    platform.ok("builder:set", "nothing", "selected", "null")
    repository = platform.repository("nothing")
    output = repository.fail({"server.py": SERVER, "Procfile": "web: python3 server.py\n"})
    assert "the builder of nothing is null, which builds nothing" in output
    platform.ok("builder:set", "nothing", "selected")
    assert repository.push().returncode == 0


@pytest.mark.parametrize("value", ["../up", "/etc", "a/../../b", "."])
def test_a_directory_outside_the_repository_is_refused(platform: Instance, value: str):
    platform.paas("apps:create", "monobad")
    done = platform.paas("builder:set", "monobad", "build-dir", value)
    assert done.returncode == 2
    assert b"is not a path within a repository" in done.stderr
