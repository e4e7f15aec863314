"""letsencrypt: what is kept and told without asking an authority, as tests/e2e do."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from paas.deploy import letsencrypt, renewals
from paas.errors import PaasError
from paas.model.app import App
from paas.model.certificate import self_signed
from paas.model.issuance import (
    Account,
    Issued,
    Order,
    answer_of,
    answer_text,
    order_of,
    order_text,
)
from paas.store.certificates import ADDED, ISSUED
from tests.commands.conftest import Admin


def show(admin: Admin, app: App, *names: str, origin: str = ISSUED) -> None:
    admin.platform.store.certificates.set(app, self_signed(names or ("blog.localhost",)), origin)
    admin.platform.store.properties.set(app, *letsencrypt.ACTIVE, "true")


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_without_an_address_nobody_is_asked(admin: Admin, blog: App):
    said = admin.fails("letsencrypt:enable", "blog")
    assert "letsencrypt:set blog email" in said.err
    assert admin("letsencrypt:active", "blog").out == "false\n"
    assert admin("letsencrypt:active", "blog").status == 1


def test_properties_are_the_app_s_over_the_instance_s(admin: Admin, blog: App):
    admin.ok("letsencrypt:set", "--global", "email", "all@example.org")
    admin.ok("letsencrypt:set", "blog", "server", "staging")
    account = letsencrypt.account(admin.platform, blog)
    assert account.email == "all@example.org"
    assert account.server.startswith("https://acme-staging")
    admin.ok("letsencrypt:set", "blog", "graceperiod", "86400")
    report = admin("letsencrypt:report", "blog", "--format", "json").json()
    assert report["letsencrypt-computed-email"] == "all@example.org"
    assert (report["active"], report["graceperiod"]) == ("false", "86400")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("email", "me", "not an address for mail"),
        ("server", "http://example.org", "not a server of ACME"),
        ("server", "prod", "not a server of ACME"),
        ("graceperiod", "60", "from an hour to a year"),
        ("dns-provider", "namecheap", "by HTTP alone"),
        ("lego-docker-args", "x", "there is no property"),
    ],
)
def test_what_makes_no_sense_is_refused(admin: Admin, blog: App, key: str, value: str, why: str):
    assert why in admin.fails("letsencrypt:set", "blog", key, value).err


def test_apps_are_listed_with_the_time_that_is_left(admin: Admin, blog: App):
    show(admin, blog)
    (row,) = admin("letsencrypt:list", "--format", "json").json()
    assert row["app"] == "blog"
    assert "364d" in admin.ok("letsencrypt:list")
    assert "still has" in admin.ok("letsencrypt:auto-renew", "blog")
    admin.ok("letsencrypt:disable", "blog")
    assert admin("letsencrypt:list", "--format", "json").json() == []
    assert "not active" in admin.fails("letsencrypt:auto-renew", "blog").err


def test_a_certificate_is_due_before_its_end_and_when_a_name_is_missing(admin: Admin, blog: App):
    show(admin, blog)
    platform = admin.platform
    assert not renewals.due(platform, blog, in_days(330))
    assert renewals.due(platform, blog, in_days(336))
    admin.ok("domains:add", "blog", "other.example.org")
    assert renewals.due(platform, blog, in_days(0))
    letsencrypt.remember(platform, blog, "refused")
    assert not renewals.due(platform, blog, in_days(0.4))
    assert renewals.due(platform, blog, in_days(0.6))


def test_a_renewal_that_fails_is_told_and_stops_no_other(admin: Admin, blog: App):
    admin.ok("domains:add", "blog", "other.example.org")
    show(admin, blog)
    admin.ok("letsencrypt:set", "--global", "email", "all@example.org")
    admin.ok("letsencrypt:set", "--global", "server", "https://localhost:1/dir")
    said = admin.fails("letsencrypt:auto-renew")
    assert "blog: https://localhost:1/dir cannot be reached" in said.err
    assert "failed" in admin.ok("events", "--app", "blog")
    renewals.look(admin.platform)  # not again so soon
    tried = admin.platform.store.properties.get(blog, *letsencrypt.TRIED)
    assert tried == admin.platform.store.properties.get(blog, *letsencrypt.TRIED)


def test_renewing_by_itself_can_be_turned_off(admin: Admin):
    def told() -> str:
        return admin.ok("letsencrypt:report", "--global", "--letsencrypt-global-auto-renew").strip()

    assert told() == "true"
    admin.ok("letsencrypt:cron-job", "--remove")
    assert told() == "false"
    admin.ok("letsencrypt:cron-job", "--add")
    assert told() == "true"
    assert "--add or --remove" in admin.fails("letsencrypt:cron-job").err


def test_the_end_of_an_own_certificate_is_told_step_by_step(admin: Admin, blog: App):
    show(admin, blog, origin=ADDED)
    admin.platform.store.properties.set(blog, *letsencrypt.ACTIVE, None)
    for days in (300, 352, 353, 358, 359, 364.2, 366, 367):
        renewals.tell(admin.platform, blog, in_days(days))
    events = map(json.loads, admin.ok("events", "--app", "blog", "--format", "json").splitlines())
    told = [one["detail"] for one in events if one["action"] == "certs"]
    assert sorted(told) == sorted([
        "The certificate ends in 12 days", "The certificate ends in 6 days",
        "The certificate has ended",
    ])  # fmt: skip


def test_accounts_that_nobody_asks_with_are_forgotten(admin: Admin, blog: App):
    accounts = admin.platform.store.acme_accounts
    admin.ok("letsencrypt:set", "blog", "email", "a@example.org")
    used = letsencrypt.account(admin.platform, blog)
    accounts.set(used)
    accounts.set(Account("https://old.example.org", "a@example.org", "u", used.key))
    assert "old.example.org" in admin.ok("letsencrypt:cleanup")
    assert accounts.list() == [(used.server, "a@example.org")]
    assert letsencrypt.account(admin.platform, blog) == used


def test_orders_and_answers_come_back_as_they_went():
    account = Account("https://x.test", "a@x.test", "", "key")
    order = Order(account, "/run/control.sock", request="csr")
    assert order_of(order_text(order)) == order
    assert "key" not in repr(order).replace("key=", "")
    assert answer_of(answer_text(Issued(account, "chain"))) == Issued(account, "chain")
    with pytest.raises(PaasError, match="refused") as raised:
        answer_of(answer_text(PaasError("refused", "do this")))
    assert raised.value.hint == "do this"
    with pytest.raises(PaasError, match="without a word"):
        answer_of(b"")
