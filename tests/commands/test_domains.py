from typing import cast

import pytest

from paas.model.app import App
from paas.platform import Platform
from tests.commands.conftest import Admin, FakeProxy


def routed(platform: Platform, app: str = "blog") -> tuple[str, ...]:
    return cast("FakeProxy", platform.proxy).published[app].domains


def test_an_added_domain_is_routed_at_once(admin: Admin, platform: Platform, blog: App):
    assert "Added www.example.com for blog" in admin.ok("domains:add", "blog", "WWW.example.com")
    assert routed(platform) == ("www.example.com", "blog.localhost")


def test_a_domain_of_another_app_is_refused_and_nothing_is_added(
    admin: Admin, platform: Platform, blog: App
):
    admin.ok("apps:create", "shop")
    admin.ok("domains:add", "blog", "www.example.com")
    said = admin.fails("domains:add", "shop", "shop.example.com", "www.example.com")
    assert "belongs to app blog already; nothing was changed" in said.err
    assert "paas domains:remove blog www.example.com" in said.err
    assert routed(platform, "shop") == ("shop.localhost",)


def test_set_remove_clear_and_reset_are_routed(admin: Admin, platform: Platform, blog: App):
    admin.ok("domains:set", "blog", "a.example.com", "b.example.com")
    assert routed(platform) == ("a.example.com", "b.example.com")
    admin.ok("domains:remove", "blog", "a.example.com")
    assert routed(platform) == ("b.example.com",)
    admin.ok("domains:clear", "blog")
    assert routed(platform) == ()
    admin.ok("domains:reset", "blog")
    assert routed(platform) == ("blog.localhost",)


def test_removing_one_that_is_not_there_fails(admin: Admin, blog: App):
    assert "not a domain of blog" in admin.fails("domains:remove", "blog", "x.example.com").err


def test_a_disabled_app_answers_on_nothing(admin: Admin, platform: Platform, blog: App):
    admin.ok("domains:disable", "blog")
    assert routed(platform) == ()
    assert admin.ok("domains:report", "blog", "--domains-app-enabled") == "false\n"
    admin.ok("domains:enable", "blog")
    assert routed(platform) == ("blog.localhost",)


def test_global_domains_reach_every_app(admin: Admin, platform: Platform, blog: App):
    admin.ok("apps:create", "shop")
    admin.ok("domains:set-global", "example.com")
    assert (routed(platform), routed(platform, "shop")) == (
        ("blog.example.com",),
        ("shop.example.com",),
    )
    admin.ok("domains:add-global", "example.org")
    assert routed(platform) == ("blog.example.com", "blog.example.org")
    admin.ok("domains:remove-global", "example.com")
    assert admin.ok("domains:report", "--global", "--global-vhosts") == "example.org\n"
    admin.ok("domains:clear-global")
    assert routed(platform) == ("blog.localhost",)


def test_a_wildcard_cannot_be_global(admin: Admin):
    assert "cannot be global" in admin.fails("domains:add-global", "*.example.com").err
    assert "not a domain of paas" in admin.fails("domains:remove-global", "example.com").err


def test_the_report_has_dokkus_keys(admin: Admin, blog: App):
    admin.ok("domains:add", "blog", "www.example.com")
    report = admin("domains:report", "blog", "--format", "json").json()
    assert report["app-vhosts"] == "www.example.com blog.localhost"
    assert report["domains-global-vhosts"] == "localhost"


@pytest.mark.parametrize(
    "verb", ["add", "remove", "set", "clear", "reset", "enable", "disable", "report"]
)
def test_an_app_that_does_not_exist_is_named(admin: Admin, verb: str):
    names = ["x.example.com"] if verb in ("add", "remove", "set") else []
    assert admin.fails(f"domains:{verb}", "nobody", *names).status == 20


@pytest.mark.parametrize("verb", ["add", "remove", "set"])
def test_no_domain_at_all_is_refused(admin: Admin, blog: App, verb: str):
    assert "Missing argument" in admin.fails(f"domains:{verb}", "blog").err
    assert "Missing argument" in admin.fails(f"domains:{verb}-global").err
