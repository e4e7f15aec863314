from typing import cast

import pytest

from paas.deploy.receive import prepare_push
from paas.errors import AppNotFound, PaasError
from paas.model.app import App
from paas.model.route import RouteState
from paas.platform import Platform
from tests.commands.conftest import Admin, FakeProxy, Recorder, deploy


def test_a_created_app_is_listed_has_a_repository_and_a_page_of_ours(
    admin: Admin, platform: Platform
):
    assert "Creating blog... done" in admin.ok("apps:create", "blog")
    assert admin.ok("apps:list") == "=====> My Apps\nblog\n"
    assert admin("apps:list", "--format", "json").json() == ["blog"]
    assert platform.repositories.path("blog").is_dir()
    route = cast("FakeProxy", platform.proxy).published["blog"]
    assert (route.domains, route.state) == (("blog.localhost",), RouteState.UNDEPLOYED)


def test_a_name_that_is_taken_is_refused(admin: Admin, blog: App):
    assert "App blog exists already" in admin.fails("apps:create", "blog").err


def test_an_app_that_cannot_be_made_whole_is_not_made(
    admin: Admin, platform: Platform, monkeypatch: pytest.MonkeyPatch
):
    def fail(_name: str) -> None:
        raise PaasError("no space left on device")

    monkeypatch.setattr(platform.repositories, "ensure", fail)
    assert "no space left" in admin.fails("apps:create", "blog").err
    assert admin("apps:list", "--format", "json").json() == []


def test_exists_answers_by_its_exit_code(admin: Admin, blog: App):
    assert admin("apps:exists", "blog").status == 0
    assert admin.fails("apps:exists", "blo").status == 20


def test_a_lock_is_shown_and_taken_away(admin: Admin, blog: App):
    assert admin("apps:locked", "blog").status == 1
    admin.ok("apps:lock", "blog")
    assert admin("apps:locked", "blog").status == 0
    assert admin.ok("apps:report", "blog", "--app-locked") == "true\n"
    admin.ok("apps:unlock", "blog")
    assert admin.ok("apps:report", "blog", "--locked") == "false\n"


@pytest.mark.parametrize("verb", ["lock", "unlock", "locked", "destroy", "report"])
def test_an_app_that_does_not_exist_is_named(admin: Admin, verb: str):
    said = admin.fails(f"apps:{verb}", "nobody")
    assert (said.status, "App nobody does not exist" in said.err) == (20, True)


def test_rename_hands_over_to_the_pipeline(admin: Admin, blog: App, pipeline: Recorder):
    assert "Renaming blog to diary... done" in admin.ok("apps:rename", "blog", "diary")
    assert pipeline.calls[0][0] == "rename"
    assert pipeline.calls[0][1][:2] == ("blog", "diary")


def test_a_rename_that_fails_says_why(admin: Admin, blog: App):
    admin.ok("apps:create", "diary")
    assert "diary exists already" in admin.fails("apps:rename", "blog", "diary").err
    assert admin("apps:list", "--format", "json").json() == ["blog", "diary"]


def test_destroy_asks_for_the_name(admin: Admin, blog: App, pipeline: Recorder):
    said = admin.fails("apps:destroy", "blog", stdin=b"blo\n")
    assert 'To proceed, type "blog"' in said.err
    assert "Confirmation did not match blog; nothing was changed" in said.err
    assert pipeline.calls == []
    admin.ok("apps:destroy", "blog", stdin=b"blog\n")
    assert pipeline.names() == ["destroy"]


def test_a_caller_that_says_nothing_destroys_nothing(admin: Admin, blog: App, pipeline: Recorder):
    admin.fails("apps:destroy", "blog")
    assert pipeline.calls == []


@pytest.mark.parametrize(
    "argv", [("--force", "apps:destroy", "blog"), ("apps:destroy", "blog", "--force")]
)
def test_force_answers_the_question(
    admin: Admin, blog: App, pipeline: Recorder, argv: tuple[str, ...]
):
    admin.ok(*argv)
    assert pipeline.names() == ["destroy"]


def test_the_report_has_dokkus_keys_in_both_forms(admin: Admin, deployed: App):
    report = admin("apps:report", "blog", "--format", "json").json()
    assert report["deploy-source"] == report["app-deploy-source"] == "git"
    assert report["deploy-source-metadata"] == "c" * 40
    assert report["running"] == "true"


def test_a_report_of_every_app_names_them(admin: Admin, blog: App):
    admin.ok("apps:create", "shop")
    said = admin.ok("apps:report")
    assert "=====> blog app information" in said
    assert "=====> shop app information" in said
    assert [one["app"] for one in admin("apps:report", "--format", "json").json()] == [
        "blog",
        "shop",
    ]


def test_a_flag_a_report_does_not_have_is_refused_with_those_it_has(admin: Admin, blog: App):
    said = admin.fails("apps:report", "blog", "--app-colour")
    assert "--app-locked" in said.err
    assert "give one app" in admin.fails("apps:report", "blog", "shop").err
    assert "needs an app" in admin.fails("apps:report", "--app-locked").err


def test_the_actor_and_the_commit_are_on_the_release(admin: Admin, platform: Platform, blog: App):
    deploy(platform, blog)
    assert admin("releases:list", "blog", "--format", "json").json()[0]["actor"] == "alice"


def test_pushes_make_no_apps_where_that_is_forbidden(admin: Admin, platform: Platform):
    prepare_push(platform, "first", "alice")
    admin.ok("apps:set", "--global", "disable-autocreation", "true")
    with pytest.raises(AppNotFound) as refused:
        prepare_push(platform, "second", "alice")
    assert "paas apps:create second" in refused.value.hint
    prepare_push(platform, "first", "alice")
    assert "of the instance" in admin.fails("apps:set", "first", "disable-autocreation", "true").err
    assert admin.ok("apps:report", "--global", "--app-computed-disable-autocreation") == "true\n"


def test_a_repository_that_is_gone_is_made_again(admin: Admin, platform: Platform, blog: App):
    assert "has a repository already" in admin.ok("git:initialize", "blog")
    platform.repositories.remove("blog")
    assert "Made the repository of blog" in admin.ok("git:initialize", "blog")
    assert platform.repositories.exists("blog")
