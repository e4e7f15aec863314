"""checks: on, off, skipped, and what is reported of them."""

from dataclasses import replace

import pytest

from paas.deploy import checks
from paas.model.app import App
from paas.platform import Platform
from tests.commands.conftest import IMAGE, Admin


def lists(admin: Admin) -> tuple[str, str]:
    report = admin("checks:report", "blog", "--format", "json").json()
    return report["disabled-list"], report["skipped-list"]


def test_a_process_type_is_on_one_list_at_most(admin: Admin, deployed: App):
    assert lists(admin) == ("none", "none")
    admin.ok("checks:disable", "blog", "worker")
    assert lists(admin) == ("worker", "none")
    admin.ok("checks:skip", "blog", "worker", "web")
    assert lists(admin) == ("none", "web,worker")
    admin.ok("checks:enable", "blog", "web")
    assert lists(admin) == ("none", "worker")


def test_without_a_type_all_are_meant(admin: Admin, deployed: App):
    admin.ok("checks:disable", "blog")
    assert lists(admin) == ("_all_", "none")
    admin.ok("checks:enable", "blog", "worker")
    assert lists(admin) == ("web", "none")
    admin.ok("checks:enable", "blog")
    assert lists(admin) == ("none", "none")


def test_the_report_says_what_is_checked(admin: Admin, platform: Platform, blog: App):
    manifest: dict[str, object] = {
        "healthchecks": {
            "web": [{"path": "/up", "content": "fine", "name": "page", "warn": True}],
            "worker": [{"command": ["test", "-e", "ready"]}, {"uptime": 3}],
        }
    }
    image = replace(IMAGE, manifest=manifest)
    release = platform.store.releases.cut(blog, image, {}, "x", "alice")
    platform.store.releases.succeed(release)
    report = admin("checks:report", "blog", "--format", "json").json()
    assert report["checks-web"] == "page: GET /up with 'fine' (only warns)"
    assert report["checks-worker"] == "test -e ready, then up for 3 s"
    admin.ok("checks:set", "blog", "path", "/other")
    admin.ok("checks:skip", "blog", "worker")
    assert admin.ok("checks:report", "blog", "--checks-web") == "GET /other\n"
    assert admin.ok("checks:report", "blog", "--checks-worker") == "skipped\n"


def test_running_checks_needs_something_that_runs(admin: Admin, blog: App, platform: Platform):
    assert "has not been deployed yet" in admin.fails("checks:run", "blog").err


@pytest.mark.parametrize("verb", ["disable", "enable", "skip"])
def test_a_type_that_is_none_is_refused(admin: Admin, blog: App, verb: str):
    assert admin.fails(f"checks:{verb}", "blog", "Web!").status == 2


def test_process_types_may_stand_between_commas(admin: Admin, deployed: App):
    admin.ok("checks:skip", "blog", "web,worker")
    assert admin.ok("checks:report", "blog", "--checks-skipped-list") == "web,worker\n"
    assert admin.fails("checks:disable", "blog", "web,Bad Name").status == 2
    assert admin.ok("checks:report", "blog", "--checks-disabled-list") == "none\n"


def test_a_check_of_what_does_not_run_names_it(admin: Admin, deployed: App):
    said = admin.fails("checks:run", "blog", "web,clock.1")
    assert "blog runs no clock.1" in said.err
    assert "web" not in said.err.splitlines()[0]


def test_how_long_a_process_must_stay_up_can_be_set(admin: Admin, deployed: App):
    admin.ok("checks:set", "--global", "default-wait", "7")
    plan = checks.of_process(admin.platform, deployed, None, "worker")
    assert [one.uptime_s for one in plan] == [7.0]
