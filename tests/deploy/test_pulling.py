"""When apps that follow a repository are brought up to date by themselves."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from paas.deploy import pulling, remotes, sync
from paas.deploy.pulling import Puller, due, note_asked
from paas.deploy.sync import Build, Followed
from paas.errors import Cancelled, PaasError
from paas.model import address
from paas.platform import Platform

URL = "https://git.example.com/team/app.git"


@pytest.fixture
def app(platform: Platform):
    made = platform.store.apps.create("blog")
    sync.follow(platform, made, Followed(address.repository(URL), "main"))
    return made


def names(platform: Platform, now: datetime | None = None) -> list[str]:
    return [one.name for one in due(platform, now or datetime.now(UTC))]


def test_an_app_is_due_when_its_time_has_come_and_it_was_not_asked_since(platform, app):
    assert names(platform) == []
    platform.store.properties.set(app, "git", "sync-every", "15m")
    assert names(platform) == ["blog"]  # never asked: at once
    note_asked(platform, app)
    assert names(platform) == []
    assert names(platform, datetime.now(UTC) + timedelta(minutes=16)) == ["blog"]


def test_what_was_missed_counts_once_and_a_clock_that_went_back_stops_nothing(platform, app):
    platform.store.properties.set(app, "git", "sync-every", "1m")
    ahead = datetime.now(UTC) + timedelta(days=300)
    platform.store.properties.set(app, "git", pulling.ASKED, ahead.isoformat())
    assert names(platform, datetime.now(UTC) + timedelta(minutes=2)) == []
    note_asked(platform, app)
    assert names(platform, datetime.now(UTC) + timedelta(days=3)) == ["blog"]


def test_a_locked_app_and_one_that_follows_nothing_are_left_alone(platform, app):
    platform.store.properties.set(None, "git", "sync-every", "1m")
    assert names(platform) == ["blog"]
    platform.store.apps.create("other")
    platform.store.apps.lock(app, True)
    assert names(platform) == []


def test_another_repository_begins_anew(platform, app):
    platform.store.properties.set(app, "git", sync.THEIRS, "1" * 40)
    sync.follow(platform, app, Followed(address.repository(URL), "main"))
    assert platform.store.properties.get(app, "git", sync.THEIRS) == "1" * 40
    sync.follow(platform, app, Followed(address.repository(URL), "next"))
    assert platform.store.properties.get(app, "git", sync.THEIRS) is None


@pytest.fixture
def syncs(platform, monkeypatch):
    """Stands in for the sync itself: lets the test end it, and remembers who asked."""

    class Syncs:
        def __init__(self) -> None:
            self.begun = threading.Semaphore(0)
            self.go_on = threading.Event()
            self.asked: list[tuple[str, Build, str]] = []
            self.error: Exception | None = None

        def sync(self, _platform, name, build, caller, console):
            self.asked.append((name, build, caller.name))
            console.on_cancel(self.go_on.set)
            self.begun.release()
            assert self.go_on.wait(30)
            console.check_cancelled()
            if self.error:
                raise self.error

    made = Syncs()
    monkeypatch.setattr(pulling.sync, "sync", made.sync)
    return made


def test_an_app_that_waits_already_is_not_asked_twice_but_again_once_it_runs(platform, app, syncs):
    puller = Puller(platform)
    others = [platform.store.apps.create(f"other{n}").name for n in range(2)]
    assert all(puller.ask(name, "webhook") for name in others)  # both places are taken
    for _ in others:
        assert syncs.begun.acquire(timeout=30)
    assert puller.ask("blog", "webhook")
    assert not puller.ask("blog", "webhook")
    syncs.go_on.set()
    assert syncs.begun.acquire(timeout=30)
    assert puller.ask("blog", "schedule")
    assert syncs.begun.acquire(timeout=30)
    puller.stop()
    assert [one for one in syncs.asked if one[0] == "blog"] == [
        ("blog", Build.IF_NEW, "webhook"),
        ("blog", Build.IF_NEW, "schedule"),
    ]


@pytest.mark.parametrize("error", [PaasError("no"), Cancelled("no"), RuntimeError("a bug")])
def test_what_goes_wrong_with_one_stops_none_after_it(platform, app, syncs, error):
    syncs.error = error
    syncs.go_on.set()
    puller = Puller(platform)
    for _ in range(4):
        puller.ask("blog", "webhook")
        assert syncs.begun.acquire(timeout=30)
    puller.stop()


def test_stopping_cuts_short_what_is_under_way_and_takes_nothing_more(platform, app, syncs):
    puller = Puller(platform)
    puller.ask("blog", "webhook")
    assert syncs.begun.acquire(timeout=30)
    puller.stop()
    assert syncs.go_on.is_set()
    assert not puller.ask("blog", "webhook")


def test_a_commit_that_was_tried_is_not_tried_again_by_itself(platform, app):
    commit = "1" * 40
    assert sync.wanted(platform, app, Build.IF_NEW, commit)
    sync.remember(platform, app, sync.TRIED, commit)
    assert not sync.wanted(platform, app, Build.IF_NEW, commit)
    assert sync.wanted(platform, app, Build.IF_NEW, "2" * 40)
    assert sync.wanted(platform, app, Build.IF_CHANGED, commit)
    assert sync.wanted(platform, app, Build.ALWAYS, commit)
    assert not sync.wanted(platform, app, Build.NEVER, commit)


def test_the_same_failure_is_told_once(platform, app):
    what = sync.followed(platform, app)
    caller = pulling.Caller("schedule", "daemon", frozenset())
    for message in ("no answer", "no answer", "another reason"):
        with pytest.raises(PaasError), sync.told(platform, app, caller, what):
            raise PaasError(message)
    told = [one.detail for one in platform.store.events.list("blog", 10)]
    assert sum("no answer" in text for text in told) == 1
    assert sum("another reason" in text for text in told) == 1


def test_logins_are_kept_sealed_for_their_very_host(platform, app):
    remotes.set_login(platform, "git.example.com", "ann", "the secret")
    assert remotes.login_at(platform, "git.example.com") == {
        "host": "git.example.com", "username": "ann", "password": "the secret",
    }  # fmt: skip
    assert remotes.login_at(platform, "git.example.com:8443") is None
    assert remotes.login_hosts(platform) == ["git.example.com"]
    kept = b"".join(path.read_bytes() for path in platform.settings.state_dir.glob("paas.db*"))
    assert b"the secret" not in kept
    assert remotes.forget_login(platform, "git.example.com")
    assert not remotes.forget_login(platform, "git.example.com")


def test_a_reader_gets_the_logins_it_may_need_and_no_other(platform, app):
    for host in ("git.example.com", "parts.example.com", "secret.example.com"):
        remotes.set_login(platform, host, "ann", host)
    what = sync.followed(platform, app)

    def hosts() -> list[str]:
        options = sync.errand(platform, app, what, {}, "").options
        return [one["host"] for one in options["logins"]]

    assert hosts() == ["git.example.com"]
    platform.store.properties.set(app, "git", "submodule-hosts", "parts.example.com")
    assert hosts() == ["git.example.com", "parts.example.com"]
    platform.store.properties.set(app, "git", "submodule-hosts", "none")
    assert hosts() == ["git.example.com"]


def test_there_is_one_deploy_key_until_another_is_wished(platform):
    with pytest.raises(PaasError, match="no deploy key"):
        remotes.public_key(platform)
    first = remotes.make_key(platform)
    assert first.startswith("ssh-ed25519 AAAA")
    with pytest.raises(PaasError, match="a deploy key already"):
        remotes.make_key(platform)
    assert remotes.public_key(platform) == first
    assert remotes.renew_key(platform) != first
