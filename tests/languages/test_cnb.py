"""Apps built by Cloud Native Buildpacks, with their own lifecycle."""

import json

import pytest

from tests.e2e.instance import Instance, Repository
from tests.languages import cnb

# the first of them waits for the lifecycle to be built
pytestmark = pytest.mark.timeout(1800)
APP = {"page.txt": "hello", "tool-version": "1.1", "secret.txt": "not for builds"}


@pytest.fixture(scope="module")
def repository(platform: Instance) -> Repository:
    """An app that was deployed once, by buildpacks of its own."""
    made = platform.repository("native")
    cnb.both(made.path / "packs")
    said = made.deploy({**APP, "project.toml": cnb.PROJECT})
    assert "making tool 1.1" in said
    return made


def test_an_app_whose_project_names_buildpacks_is_built_by_them(
    platform: Instance, repository: Repository
):
    assert platform.get(repository.app).text == "hello by 1.1 from the project"
    report = platform.json("builder:report", repository.app)
    assert report["detected"] == "pack"  # type: ignore[index]
    scale = platform.json("ps:scale", repository.app)
    assert {"web", "worker"} <= set(json.dumps(scale).replace('"', " ").split())


def test_layers_are_kept_by_the_lifecycle_and_taken_over_once(
    platform: Instance, repository: Repository
):
    before = platform.json("releases:info", repository.app)["layers"]  # type: ignore[index]
    said = repository.deploy({"page.txt": "again"})
    assert "the tool is 1.1 already" in said
    assert "making tool" not in said
    assert platform.get(repository.app).text == "again by 1.1 from the project"
    now = platform.json("releases:info", repository.app)["layers"]  # type: ignore[index]
    assert len(set(before) & set(now)) == len(now) - 1, "only the app's own layer is new"
    said = repository.deploy({"tool-version": "1.2"})
    assert "making tool 1.2" in said
    assert platform.get(repository.app).text == "again by 1.2 from the project"


def test_config_reaches_builds_as_files_and_wins_over_the_project(
    platform: Instance, repository: Repository
):
    platform.ok("config:set", repository.app, "GREETING=from config")
    repository.deploy()
    assert platform.get(repository.app).text.endswith("from config")


def test_commands_and_procfiles_start_in_the_buildpacks_environment(
    platform: Instance, repository: Repository
):
    said = platform.ok("run", repository.app, "--", "printenv", "TOOL_VERSION")
    assert said.strip() == "1.2"
    repository.deploy({"Procfile": "web: TOOL_VERSION=procfile-$TOOL_VERSION serve page.txt\n"})
    assert "by procfile-1.2" in platform.get(repository.app).text


def test_bills_of_materials_of_buildpacks_are_in_the_image(
    platform: Instance, repository: Repository
):
    said = platform.ok(
        "run", repository.app, "--", "sh", "-c", "cat /layers/sbom/launch/*/sbom.cdx.json"
    )
    assert '"name": "tool"' in said


def test_a_failing_buildpack_is_told_and_the_app_serves_on(
    platform: Instance, repository: Repository
):
    text = (repository.path / "packs/web/bin/build").read_text()
    said = repository.fail({"packs/web/bin/build": "#!/bin/sh\necho no way; exit 3\n"})
    assert "no way" in said
    assert "a buildpack failed" in said
    repository.write({"packs/web/bin/build": text})
    (repository.path / "page.txt").unlink()
    assert "no group of buildpacks fits this app" in repository.fail()
    assert platform.get(repository.app).status_code == 200
    repository.deploy({"page.txt": "back"})


@pytest.mark.parametrize(
    ("project", "words"),
    [
        ("[io.buildpacks\n", "project.toml is not TOML"),
        ('[[io.buildpacks.group]]\nuri = "../../etc"\n', "is no directory of the repository"),
        ('[[io.buildpacks.group]]\nuri = "packs"\n', "has no buildpack.toml"),
        ('[[io.buildpacks.group]]\nuri = "docker://a/b"\n', "is no directory of the repository"),
        ('[[io.buildpacks.group]]\nid = "nobody/here"\n', "the buildpack nobody/here is not here"),
        ('[[io.buildpacks.group]]\nversion = "1"\n', "neither uri nor id"),
        ("[io.buildpacks]\ngroup = 3\n", "is not an array of tables"),
    ],
)
def test_a_project_that_cannot_be_is_refused_in_words(
    repository: Repository, project: str, words: str
):
    assert words in repository.fail({"project.toml": project})


def test_the_servers_buildpacks_serve_apps_that_choose_the_builder(platform: Instance):
    (folder,) = platform.settings.buildpack_dirs
    shelf = platform.root / "buildpacks" / "native"
    assert str(shelf).startswith(folder)
    cnb.both(shelf)
    cnb.composite(shelf / "both")
    (shelf / "order.toml").write_text('[[order]]\n[[order.group]]\nid = "tests/both"\n'
                                      'version = "1.0.0"\n')  # fmt: skip
    refused = platform.paas("builder-pack:set", "--global", "buildpacks-dir", "/nowhere")
    assert refused.returncode != 0
    assert "is no directory of this machine" in refused.stderr.decode()
    platform.ok("builder-pack:set", "--global", "buildpacks-dir", str(shelf))
    repository = platform.repository("given")
    platform.ok("apps:create", "given")
    platform.ok("builder:set", "given", "selected", "pack")
    files = {"page.txt": "given", "tool-version": "9"}
    platform.ok("config:set", "given", "GREETING=here")
    repository.deploy(files)
    assert platform.get("given").text == "given by 9 here"
    report = platform.json("builder-pack:report", "given")
    assert report["buildpacks-dir"] or report["computed-buildpacks-dir"]  # type: ignore[index]
    platform.ok("builder-pack:set", "--global", "buildpacks-dir")
    assert "there are no Cloud Native Buildpacks to build with" in repository.fail({"x": "y"})
