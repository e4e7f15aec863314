"""proxy: whether requests reach an app."""

import pytest

from paas.model.app import App
from paas.model.ports import PortMapping
from paas.model.route import Route
from tests.commands.conftest import Admin, FakeProxy, boot, deploy


def published(admin: Admin, app: str = "blog") -> Route:
    proxy = admin.platform.proxy
    assert isinstance(proxy, FakeProxy)
    return proxy.published[app]


def report(admin: Admin, key: str) -> str:
    return admin.ok("proxy:report", "blog", f"--proxy-{key}").strip()


def test_a_disabled_app_answers_on_no_domain_until_it_is_enabled(admin: Admin, deployed: App):
    assert "Disabling proxy for blog" in admin.ok("proxy:disable", "blog")
    assert published(admin).domains == ()
    assert (report(admin, "enabled"), report(admin, "disabled")) == ("false", "true")
    assert admin.ok("domains:report", "blog", "--domains-app-vhosts").strip() != ""
    admin.ok("proxy:enable", "blog")
    assert published(admin).domains == ("blog.localhost",)
    assert report(admin, "enabled") == "true"
    assert "Disabled" in admin.ok("events", "--app", "blog")


def test_all_apps_at_once_deployed_or_not(admin: Admin, deployed: App):
    admin.ok("apps:create", "shop")
    admin.ok("proxy:disable", "--all", "--parallel", "2")
    assert [published(admin, name).domains for name in ("blog", "shop")] == [(), ()]
    admin.ok("proxy:enable", "--all", "--parallel", "-1")
    assert published(admin, "shop").domains != ()
    assert "name one app, or give --all" in admin.fails("proxy:enable").err
    assert "--parallel takes" in admin.fails("proxy:enable", "--all", "--parallel", "0").err


def test_a_cleared_config_is_built_by_command_or_by_a_deploy(admin: Admin, deployed: App):
    admin.ok("proxy:clear-config", "blog")
    assert published(admin).domains == ()
    assert report(admin, "config-cleared") == "true"
    admin.ok("proxy:build-config", "blog")
    assert published(admin).domains != ()
    admin.ok("proxy:clear-config", "--all")
    admin.ok("proxy:build-config", "--all")
    assert published(admin).domains != ()


def test_the_switch_to_a_new_release_builds_it_too(admin: Admin, deployed: App):
    from paas.deploy import roll, route

    platform = admin.platform
    admin.ok("proxy:clear-config", "blog")
    ids = [boot(platform, deployed, "web.2").id]
    roll.put(platform, deployed, deploy(platform, deployed), ids, lambda: None)
    assert route.current(platform, deployed).domains != ()


def test_an_app_without_domains_can_have_a_port(admin: Admin, deployed: App):
    admin.ok("domains:disable", "blog")
    admin.ok("proxy:set", "blog", "proxy-port", "5080")
    route = published(admin)
    assert route.ports == (PortMapping("http", 5080, 0),)
    assert route.open_ports == (5080,)
    admin.ok("domains:enable", "blog")
    assert (published(admin).ports, published(admin).open_ports) == ((), ())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("blog", "type", "caddy"), "nginx is the one"),
        (("blog", "proxy-port", "22"), "below 1024"),
        (("blog", "proxy-port", "http"), "is not a port"),
        (("blog", "disabled", "maybe"), "true, false"),
        (("blog", "proxy-ssl-port", "5443"), "there is no property"),
        (("--global", "disabled", "true"), "name an app"),
    ],
)
def test_what_cannot_be_is_refused(admin: Admin, deployed: App, words: tuple[str, ...], why: str):
    assert why in admin.fails("proxy:set", *words).err
    assert published(admin).domains != ()


def test_the_type_is_reported_as_dokku_reports_it(admin: Admin, deployed: App):
    assert (report(admin, "computed-type"), report(admin, "type")) == ("nginx", "")
    admin.ok("proxy:set", "--global", "type", "nginx")
    found = admin("proxy:report", "blog", "--format", "json").json()
    assert found["proxy-global-type"] == found["global-type"] == "nginx"
