"""http-auth: who may see an app."""

import bcrypt
import pytest

from paas.model.app import App
from paas.model.route import Guard
from tests.commands.conftest import Admin
from tests.commands.test_proxy import published


def guard(admin: Admin) -> Guard:
    found = published(admin).guard
    assert found is not None
    return found


def test_a_user_with_a_password_is_asked_for(admin: Admin, deployed: App):
    admin.ok("http-auth:enable", "blog", "ann", "s3cret")
    ((name, hashed),) = guard(admin).users
    assert name == "ann"
    assert bcrypt.checkpw(b"s3cret", hashed.encode())
    assert admin.ok("http-auth:report", "blog", "--http-auth-users").strip() == "ann"
    assert "s3cret" not in admin.ok("events", "--app", "blog")
    admin.ok("http-auth:disable", "blog")
    assert published(admin).guard is None
    assert admin.ok("http-auth:report", "blog", "--http-auth-enabled").strip() == "false"
    admin.ok("http-auth:on", "blog")  # its users were kept
    assert [name for name, _ in guard(admin).users] == ["ann"]
    admin.ok("http-auth:off", "blog")
    assert published(admin).guard is None


def test_a_password_comes_on_standard_input_where_nobody_sees_it(admin: Admin, deployed: App):
    said = admin("http-auth:add-user", "blog", "ann", stdin=b"from stdin\n")
    assert "not asked for yet" in said.err
    admin.ok("http-auth:enable", "blog")
    ((_, hashed),) = guard(admin).users
    assert bcrypt.checkpw(b"from stdin", hashed.encode())
    admin.ok("http-auth:add-user", "blog", "ann", "another")
    ((_, hashed),) = guard(admin).users
    assert bcrypt.checkpw(b"another", hashed.encode())


def test_without_users_nobody_gets_in_and_that_is_said(admin: Admin, deployed: App):
    assert "nobody gets in" in admin("http-auth:enable", "blog").err
    assert guard(admin) == Guard()


def test_users_and_addresses_are_removed_again(admin: Admin, deployed: App):
    admin.ok("http-auth:enable", "blog", "ann", "s3cret")
    admin.ok("http-auth:add-allowed-ip", "blog", "10.0.0.0/8")
    admin.ok("http-auth:add-allowed-ip", "blog", "2001:DB8::1")
    assert guard(admin).addresses == ("10.0.0.0/8", "2001:db8::1")
    admin.ok("http-auth:remove-allowed-ip", "blog", "10.0.0.0/8")
    admin.ok("http-auth:set-allowed-ips", "blog", "127.0.0.1", "127.0.0.1/32")
    assert guard(admin).addresses == ("127.0.0.1",)
    admin.ok("http-auth:set-allowed-ips", "blog")
    admin.ok("http-auth:remove-user", "blog", "ann")
    assert guard(admin) == Guard()
    assert "no user ann" in admin.fails("http-auth:remove-user", "blog", "ann").err
    said = admin.fails("http-auth:remove-allowed-ip", "blog", "10.0.0.0/8")
    assert "not let in by itself" in said.err


@pytest.mark.parametrize(
    ("words", "stdin", "why"),
    [
        (("add-user", "blog", "a:b", "x"), b"", "not a name for a user"),
        (("add-user", "blog", "ann", "x" * 73), b"", "at most 72 bytes"),
        (("add-user", "blog", "ann", ""), b"", "at least one character"),
        (("add-user", "blog", "ann"), b"", "not one line"),
        (("add-user", "blog", "ann"), b"two\nlines\n", "not one line"),
        (("add-allowed-ip", "blog", "10.0.0.1/8"), b"", "not an address or a network"),
        (("add-allowed-ip", "blog", "10.0.0.1; allow all"), b"", "not an address"),
        (("show-config", "blog"), b"", "not enabled for blog"),
    ],
)
def test_what_makes_no_sense_is_refused(
    admin: Admin, deployed: App, words: tuple[str, ...], stdin: bytes, why: str
):
    said = admin.fails(f"http-auth:{words[0]}", *words[1:], stdin=stdin)
    assert why in said.err
    assert "x" * 73 not in said.err
    assert admin.platform.store.http_auth.guard(deployed) == Guard()


def test_its_configuration_is_shown_without_users(admin: Admin, deployed: App):
    admin.ok("http-auth:enable", "blog", "ann", "s3cret")
    shown = admin.ok("http-auth:show-config", "blog")
    assert shown.startswith("server {")
    assert "ann" not in shown
