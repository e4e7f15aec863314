"""redirect: names that send on to others."""

from paas.model.app import App
from paas.model.route import Redirect
from tests.commands.conftest import Admin
from tests.commands.test_proxy import published


def test_a_name_sends_on_and_is_listed(admin: Admin, deployed: App):
    said = admin.ok("redirect:set", "blog", "WWW.example.org", "example.org")
    assert "Setting redirect for blog" in said
    assert published(admin).redirects == (Redirect("www.example.org", "example.org", 301),)
    assert "www.example.org" in published(admin).domains
    assert admin("redirect", "blog", "--format", "json").json() == [
        {"source": "www.example.org", "destination": "example.org", "code": 301}
    ]
    assert admin.ok("redirect:list", "blog").split()[-3:] == [
        "www.example.org",
        "example.org",
        "301",
    ]
    told = admin.ok("redirect:report", "blog", "--redirect-sources").strip()
    assert told == "www.example.org"


def test_it_can_be_changed_and_unset(admin: Admin, deployed: App):
    admin.ok("redirect:set", "blog", "www.example.org", "example.org")
    admin.ok("redirect:set", "blog", "www.example.org", "example.net", "--code", "302")
    assert published(admin).redirects == (Redirect("www.example.org", "example.net", 302),)
    admin.ok("redirect:unset", "blog", "www.example.org")
    assert published(admin).redirects == ()
    assert "www.example.org" not in published(admin).domains
    assert "is not redirected" in admin.fails("redirect:unset", "blog", "www.example.org").err


def test_what_leads_round_or_is_another_app_s_is_refused(admin: Admin, deployed: App):
    admin.ok("apps:create", "shop")
    admin.ok("redirect:set", "blog", "a.test", "b.test")
    assert "lead back" in admin.fails("redirect:set", "blog", "b.test", "a.test").err
    assert "lead back" in admin.fails("redirect:set", "blog", "c.test", "c.test").err
    assert "belongs to app blog" in admin.fails("redirect:set", "shop", "a.test", "x.test").err
    said = admin.fails("redirect:set", "blog", "shop.localhost", "b.test")
    assert "belongs to app shop" in said.err
    assert "cannot be redirected" in admin.fails("redirect:set", "blog", "*.a.test", "b.test").err
    assert "not a domain name" in admin.fails("redirect:set", "blog", "a b", "b.test").err
    assert "200" in admin.fails("redirect:set", "blog", "d.test", "b.test", "--code", "200").err
    assert len(published(admin).redirects) == 1
    admin.ok("redirect:set", "blog", "later.localhost", "b.test")
    admin.ok("apps:create", "later")  # without the name that is taken
    assert published(admin, "later").domains == ()
    later = admin.platform.store.apps.get("later")
    with admin.platform.store.view():
        assert admin.platform.store.domains.effective(later) == ()
    said = admin.fails("domains:add", "shop", "a.test")
    assert "a.test is sent on by app blog" in said.err
    admin.ok("domains:add", "blog", "a.test")
