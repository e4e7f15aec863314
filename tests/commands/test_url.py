"""url, urls and report: where an app answers, and everything about it at once."""

from paas.model.app import App
from tests.commands.conftest import Admin


def test_the_first_address_and_all_of_them(admin: Admin, blog: App):
    admin.ok("domains:add", "blog", "a.example.com")
    every = admin.ok("urls", "blog").splitlines()
    assert every[0] == admin.ok("url", "blog").strip()
    assert any("//a.example.com" in one for one in every)
    assert admin("urls", "blog", "--format", "json").json() == every
    assert admin("url", "blog", "--format", "json").json() == {"url": every[0]}


def test_an_app_without_a_domain_has_no_address(admin: Admin, blog: App):
    admin.ok("domains:clear", "blog")
    assert "answers at no address" in admin.fails("url", "blog").err
    assert "domains:add" in admin.fails("urls", "blog").err
    assert admin.fails("url", "nobody").status == 20


def test_a_report_of_everything_shows_no_value_of_a_variable(admin: Admin, blog: App):
    admin.ok("config:set", "blog", "--no-restart", "TOKEN=s3cret")
    admin.ok("docker-options:add", "blog", "build", "--build-arg", "KEY=s3cret")
    said = admin.ok("report", "blog")
    assert "=====> Server information" in said
    assert "=====> blog ps information" in said
    assert "=====> blog domains information" in said
    assert "s3cret" not in said
    found = admin("report", "blog", "--format", "json").json()
    assert found["server"]["apps"] == "1"
    assert found["apps"]["locked"] == "false"
    assert "computed-wait" in admin("report", "--format", "json").json()["checks"]
    assert admin.fails("report", "nobody").status == 20
