import pytest

from paas.errors import PaasError
from paas.model.app import App
from paas.platform import Platform
from tests.commands.conftest import Admin, Recorder, deploy


def test_releases_are_listed_newest_first_with_the_current_one_marked(
    admin: Admin, platform: Platform, blog: App
):
    deploy(platform, blog, "first")
    deploy(platform, blog, "second")
    said = admin.ok("releases:list", "blog").splitlines()
    assert said[2].startswith("v2 *")
    assert said[3].startswith("v1 ")
    first, second = reversed(admin("releases:list", "blog", "--format", "json").json())
    assert (first["version"], first["current"]) == ("v1", False)
    assert (second["version"], second["current"], second["commit"]) == ("v2", True, "c" * 40)


def test_an_app_without_releases_has_an_empty_list(admin: Admin, blog: App):
    assert admin("releases:list", "blog", "--format", "json").json() == []
    assert admin.ok("releases:list", "blog") == "=====> blog releases\n"


def test_info_shows_what_is_in_a_release_but_no_value(admin: Admin, platform: Platform, blog: App):
    admin.ok("config:set", "blog", "TOKEN=s3cret")
    deploy(platform, blog)
    for argv in (("blog",), ("blog", "v1"), ("blog", "1"), ("blog", "--format", "json")):
        said = admin.ok("releases:info", *argv)
        assert "TOKEN" in said
        assert "s3cret" not in said
        assert "hidden" not in said
    info = admin("releases:info", "blog", "--format", "json").json()
    assert info["layers"] == ["stack", "source-1"]
    assert info["processes"][0] == "web: python app.py"


def test_a_release_that_is_not_there_is_named(admin: Admin, platform: Platform, blog: App):
    assert "not been deployed yet" in admin.fails("releases:info", "blog").err
    deploy(platform, blog)
    assert "blog has no release v9" in admin.fails("releases:info", "blog", "v9").err
    assert "is not a release" in admin.fails("releases:info", "blog", "latest").err


@pytest.mark.parametrize("name", ["releases:rollback", "rollback"])
def test_rollback_hands_over_to_the_pipeline(
    admin: Admin, platform: Platform, blog: App, pipeline: Recorder, name: str
):
    pipeline.answers["rollback"] = deploy(platform, blog, "Rollback to v1")
    assert "blog v1: Rollback to v1" in admin.ok(name, "blog", "v1")
    admin.ok(name, "blog")
    assert [call[1][:2] for call in pipeline.calls] == [("blog", 1), ("blog", None)]
    assert pipeline.calls[0][1][3] == "alice"


def test_a_rollback_that_cannot_be_says_why(admin: Admin, blog: App):
    assert "no release yet" in admin.fails("releases:rollback", "blog").err


def test_a_rollback_that_fails_exits_1(admin: Admin, blog: App, pipeline: Recorder):
    pipeline.answers["rollback"] = PaasError("web.1 exited with code 1")
    assert admin.fails("releases:rollback", "blog").status == 1
