"""network, in the words of those who type it; packets go in tests/network and end to end."""

from dataclasses import replace
from typing import Any, cast

import pytest

from paas.deploy import fleet, route
from paas.model.app import App
from paas.model.route import Peer
from tests.commands.conftest import NOBODY, Admin, FakeNetworks, boot


def networks(admin: Admin) -> FakeNetworks:
    return cast("Any", admin.platform.networks)


def test_a_network_is_made_listed_shown_and_destroyed(admin: Admin):
    assert admin.ok("network:create", "backend") == "-----> Creating network backend\n"
    assert admin.ok("network:list") == "=====> Networks\nbackend\n"
    assert admin.ok("--quiet", "network:list") == "backend\n"
    found = admin("network:info", "backend", "--format", "json").json()
    settings = admin.platform.settings
    assert found["subnet"] == str(settings.subnet(settings.slots))
    assert (found["apps"], found["containers"]) == ([], [])
    assert "Subnet:" in admin.ok("network:info", "backend")
    assert "exists already" in admin.fails("network:create", "backend").err
    admin.ok("--force", "network:destroy", "backend")
    assert admin("network:list", "--format", "json").json() == []
    assert "Destroy network backend" in admin.ok("events")


def test_whether_a_network_is_there_is_told_by_the_exit_code(admin: Admin):
    admin.ok("network:create", "backend")
    assert admin("network:exists", "backend").status == 0
    said = admin("network:exists", "nothing")
    assert (said.status, said.out) == (1, "Network does not exist\n")


@pytest.mark.parametrize("name", ["Bad", "-x", "a_b", "a.b", "host", "none", "bridge", "x" * 64])
def test_what_is_no_name_for_a_network_is_refused(admin: Admin, name: str):
    assert "not allowed" in admin.fails("network:create", "--", name).err
    assert admin("network:list", "--format", "json").json() == []


def test_destroying_asks_first_and_not_while_somebody_is_attached(admin: Admin, deployed: App):
    admin.ok("network:create", "backend")
    assert "Confirmation did not match" in admin.fails("network:destroy", "backend").err
    admin.ok("network:set", "blog", "attach-post-create", "backend")
    said = admin.fails("--force", "network:destroy", "backend")
    assert "has apps attached: blog" in said.err
    admin.ok("network:set", "blog", "attach-post-create")
    assert "still has containers on it" in admin.fails("--force", "network:destroy", "backend").err
    admin.ok("network:rebuild", "blog")
    admin.ok("--force", "network:destroy", "backend")


def test_apps_never_get_a_networks_addresses(admin: Admin):
    admin.ok("network:create", "backend")
    taken = admin.platform.store.networks.get("backend").slot
    app = admin.platform.store.apps.reserve("other", None, taken)
    assert app.slot != taken


def test_what_runs_joins_at_once_and_leaves_by_a_rebuild(admin: Admin, deployed: App):
    admin.ok("network:create", "one")
    admin.ok("network:create", "two")
    admin.ok("network:set", "blog", "attach-post-deploy", "one,two")
    (container,) = fleet.in_service(admin.platform, deployed)
    slots = {one.slot for one in admin.platform.store.networks.list()}
    assert set(networks(admin).joined(container.id)) == slots
    admin.ok("network:set", "blog", "attach-post-deploy", "two")
    assert set(networks(admin).joined(container.id)) == slots
    assert "1 containers" in admin.ok("network:rebuildall")
    (left,) = networks(admin).joined(container.id)
    assert left == admin.platform.store.networks.get("two").slot


def test_names_lead_to_what_is_in_service_and_are_told_to_members_only(admin: Admin, deployed: App):
    admin.ok("network:create", "backend")
    admin.ok("apps:create", "stranger")
    assert networks(admin).told.askers == {}
    admin.ok("network:set", "blog", "attach-post-create", "backend")
    admin.ok("network:set", "blog", "tld", ".svc.local.")
    told = networks(admin).told
    assert dict(told.askers) == {deployed.slot: ["backend"]}
    assert set(told.networks["backend"]) == {
        *("blog", "blog.web", "web.1.blog"),
        *("blog.svc.local", "blog.web.svc.local", "web.1.blog.svc.local"),
    }
    boot(admin.platform, deployed, "worker.1")
    route.publish(admin.platform, deployed)
    assert "blog.worker" in networks(admin).told.networks["backend"]
    admin.platform.store.properties.set(deployed, "network", "attach-post-create", None)
    fleet.install(admin.platform, deployed, ())
    route.publish(admin.platform, deployed)
    assert networks(admin).told.networks == {"backend": {}}
    assert networks(admin).told.askers == {}


def test_no_app_takes_anothers_name(admin: Admin, deployed: App):
    """An app may be named as another one's process is found, or as a host of the world."""
    admin.ok("network:create", "backend")
    admin.ok("network:set", "--global", "attach-post-create", "backend")
    for name, process in (("web.1", "blog"), ("api.example.com", "web")):
        admin.ok("apps:create", name)
        app = admin.platform.store.apps.get(name)
        container = boot(admin.platform, app, f"{process}.1")
        unique = replace(container.spec, id=f"{app.slot}".ljust(10, "y"))
        engine = cast("Any", admin.platform.engine)
        engine.containers[-1] = replace(container, spec=unique)
        fleet.install(admin.platform, app, [unique.id])
        networks(admin).join(unique, admin.platform.store.networks.get("backend").slot)
        networks(admin).joints[unique.id] = dict.fromkeys(
            networks(admin).joints[unique.id], cast("Any", f"10.0.0.{app.slot}")
        )
    route.publish(admin.platform, deployed)
    told = networks(admin).told.networks["backend"]
    assert told["web.1.blog"] == ["10.0.0.2"]  # as <app>.<process>, the plainer form
    assert told["blog.web"] == ["10.9.0.2"]
    assert "api.example.com" not in told
    assert told["api.example.com.web"] == ["10.0.0.3"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("attach-post-create", "nothing"), "does not exist"),
        (("attach-post-create", "Bad Name"), "not allowed"),
        (("attach-post-deploy", "host"), "not allowed"),
        (("bind-all-interfaces", "true"), "ports:add"),
        (("static-web-listener", "localhost:80"), "not an address and a port"),
        (("static-web-listener", "127.0.0.1"), "not an address and a port"),
        (("static-web-listener", "127.0.0.1:99999"), "has no port"),
        (("static-web-listener", "127.0.0.1:0"), "has no port"),
        (("tld", "a b"), "not a domain name"),
        (("bogus", "x"), "no property"),
    ],
)
def test_what_cannot_be_set_is_refused(
    admin: Admin, deployed: App, words: tuple[str, ...], why: str
):
    before = admin.ok("network:report", "blog")
    assert why in admin.fails("network:set", "blog", *words).err
    assert admin.ok("network:report", "blog") == before


def test_requests_go_where_the_listener_is_and_back(admin: Admin, deployed: App):
    admin.ok("network:set", "blog", "static-web-listener", "127.0.0.1:8080")
    published = cast("Any", admin.platform.proxy).published
    assert published["blog"].peers == (Peer("127.0.0.1", 8080),)
    admin.ok("network:set", "blog", "static-web-listener")
    assert published["blog"].peers == (Peer("10.1.2.3", 5000),)
    pool = admin.platform.settings.subnet(5)[9]
    said = admin.fails("network:set", "blog", "static-web-listener", f"{pool}:5000")
    assert "the platform's own containers" in said.err


def test_an_app_that_runs_elsewhere_serves_without_a_deploy(admin: Admin, blog: App):
    admin.ok("network:set", "blog", "static-web-listener", "127.0.0.1:8080")
    assert cast("Any", admin.platform.proxy).published["blog"].state == "serving"


def test_the_report_has_dokkus_keys(admin: Admin, deployed: App):
    admin.ok("network:create", "backend")
    admin.ok("network:set", "--global", "attach-post-deploy", "backend")
    report = admin("network:report", "blog", "--format", "json").json()
    assert report["attach-post-deploy"] == ""
    assert report["computed-attach-post-deploy"] == "backend"
    assert report["global-attach-post-deploy"] == "backend"
    assert report["computed-bind-all-interfaces"] == "false"
    assert report["web-listeners"] == "10.1.2.3:5000"
    assert report["networks"] == "backend"
    assert admin.ok("network:report", "blog", "--network-tld") == "\n"


def test_who_has_no_role_changes_nothing(admin: Admin, blog: App):
    for words in (("network:create", "x"), ("network:set", "blog", "tld", "x"), ("network:list",)):
        assert admin(*words, caller=NOBODY).status == 77
