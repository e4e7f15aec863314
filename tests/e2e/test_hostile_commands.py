"""Every command there is with a hostile word in each of its places, to a real daemon: refused in
a sentence with nothing changed on the machine, or taken for the plain text that it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import click
import pytest

from paas.commands import table  # noqa: F401 - fills the registry
from paas.commands.permissions import Permission
from paas.commands.registry import Command, registry
from tests.attacks.door import Door, Said
from tests.commands.bad_lines import in_every_place, in_every_property
from tests.conftest import own_settings
from tests.e2e.instance import Instance, running
from tests.e2e.samples import WITH_WORKER
from tests.faults.traces import mounts, names

APP = "shelled"
SEED, WORDS_IN_A_PLACE = 20261126, 6
# they go on for as long as their caller listens, or end what the others need
LEFT_OUT = {"run:attach", "stats", "top", "failpoints:arm", "trace:on", "trace:off", "events:off"}
# places and properties that take any line of text as what it is, or for which a word or two of
# the hostile ones is right: -1 for --parallel, NaN for a name, what IDNA makes a domain of
TAKEN = """
apps:export file, backup file, backup:verify file, certs:generate domain, config:set assignments,
config:unset keys, domains:add names, domains:add-global names, domains:remove names,
domains:remove-global names, domains:set names, domains:set-global names, git:auth password,
git:auth user, http-auth:add-user password, http-auth:enable password, http-auth:on password,
images:export output, plugin:trigger trigger, plugin:trigger words, proxy:build-config parallel,
proxy:clear-config parallel, proxy:disable parallel, proxy:enable parallel, ps:rebuild parallel,
ps:restart parallel, ps:restore parallel, ps:start parallel, ps:stop parallel,
redirect:set destination, redirect:set source, redirect:unset source, ssh-keys:list name,
stack:rebase parallel, storage:annotations:set value, storage:create annotations,
storage:create labels, storage:ensure-directory directory, storage:labels:set value,
storage:set mode, storage:set chown,
app-json appjson-path, builder build-dir, builder withhold-config, builder-dockerfile
dockerfile-path, builder-pack projecttoml-path, checks content, checks path, cron mailfrom,
cron mailto, git deploy-branch, git rev-env-var, git submodule-hosts, git sync-ref,
images shared-with, network tld, nginx access-log-path, nginx error-log-path,
nginx x-forwarded-for-value, nginx x-forwarded-port-value, nginx x-forwarded-proto-value,
ps dockerfile-start-cmd, ps procfile-path, ps start-cmd, registry push-extra-tags,
registry server, scheduler shell
"""
TAKES = {" ".join(one.split()) for one in TAKEN.split(",")}
# what is told of attempts, and what the platform keeps up by itself
UNTOLD = ("events", "builds", "process_states", "alembic_version", "sqlite_sequence")
PASSING = ("builds", "copies", "points")


@pytest.fixture(scope="module")
def platform() -> Iterator[Instance]:
    """An instance of its own: what other tests do must not be taken for a change."""
    settings = own_settings(
        boot_timeout_s=30.0, drain_s=1.0, stop_grace_s=1.0, check_wait_s=0.2, gc_interval_s=0.0
    )
    with running(settings) as instance:
        instance.repository(APP).deploy(WITH_WORKER)
        yield instance


@pytest.fixture(scope="module")
def door(platform: Instance) -> Door:
    (platform.root / "here").mkdir()
    return Door(platform.settings.socket, platform.root / "here")


class Kept:
    """The rows of the database but what is told of attempts; read again once some changed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.version, self.rows = -1, [object()]

    def __call__(self) -> list[object]:
        version = self.database.execute("PRAGMA data_version").fetchone()[0]
        if version != self.version:
            self.version, self.rows = version, self.read()
        return self.rows

    def read(self) -> list[object]:
        found = self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = sorted(name for (name,) in found.fetchall() if name not in UNTOLD)
        return [self.database.execute(f'SELECT * FROM "{one}"').fetchall() for one in tables]


@pytest.fixture(scope="module")
def kept(platform: Instance) -> Iterator[Kept]:
    path = f"file:{platform.settings.state_dir}/paas.db?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        yield Kept(database)


def machine(platform: Instance) -> set[str]:
    """What stands of the instance: containers, networks, mounts, files, places of apps."""
    settings = platform.settings
    run, state = settings.run_dir, settings.state_dir
    folders = [one for one in state.iterdir() if one.is_dir() and one.name not in PASSING]
    places = [platform.root, state, run / "containers", run / "netns", *folders]
    found = {f"{place}/{name}" for place in places for name in names(place) - {*PASSING}}
    return found | {point for point in mounts(platform) if f"{run}/containers" in point}


def is_program(command: Command, place: click.Parameter) -> bool:
    """Whether what stands there is a command line of the app's, which says itself what is wrong."""
    return command.passthrough and place.name == "words"


def wanted(command: Command) -> bool:
    return command.permission is not Permission.HOOK and command.name not in LEFT_OUT


EVERY = [pytest.param(one, id=one.name) for one in filter(wanted, registry.values())]


@pytest.fixture(autouse=True)
def nothing_broke(platform: Instance) -> Iterator[None]:
    """Whatever was said, the daemon met nothing that it does not know."""
    log = platform.root / "paasd.log"
    mark = log.stat().st_size
    yield
    with log.open() as text:
        text.seek(mark)
        assert "Traceback" not in text.read()


def is_refused(said: Said, argv: tuple[str, ...]) -> None:
    """A sentence that says what is wrong, and drives no terminal."""
    shown = (tuple(word[:80] for word in argv), said.status, said.err[-500:])
    assert said.err.startswith(" !     "), shown
    assert "inside paas" not in said.err, shown
    assert not set("\x1b\0\u202e") & set(said.err), shown
    assert len(said.err) < 9000, shown
    if said.status == 2:
        assert "usage: paas " in said.err or len(said.err.splitlines()) >= 2, shown


@pytest.mark.parametrize("command", EVERY)
def test_a_hostile_word_in_any_place_is_refused_and_leaves_nothing(
    platform: Instance, door: Door, kept: Kept, command: Command
):
    for place, argv in in_every_place(command, APP, SEED, WORDS_IN_A_PLACE):
        if is_program(command, place):
            continue
        rows, stands = kept(), machine(platform)
        said = door(*argv)
        shown = tuple(word[:80] for word in argv)
        if said.status == 0:
            looks = command.permission in (Permission.PUBLIC, Permission.READ)
            assert looks or f"{command.name} {place.name}" in TAKES, shown
            assert not looks or kept() == rows, shown
            continue
        is_refused(said, argv)
        assert kept() == rows, shown
        assert machine(platform) - stands == set(), shown  # what retires may go meanwhile


def test_a_property_takes_no_hostile_word_but_as_text(platform: Instance, door: Door, kept: Kept):
    for space, one, argv in in_every_property(APP, SEED, WORDS_IN_A_PLACE):
        rows, stands = kept(), machine(platform)
        said = door(*argv)
        shown = tuple(word[:80] for word in argv)
        if said.status == 0 and argv[-1]:
            assert f"{space.name} {one.key}" in TAKES, shown
            assert door(*argv[:-1]).status == 0, shown
        elif said.status:
            is_refused(said, argv)
            assert kept() == rows, shown
        assert machine(platform) - stands == set(), shown


def test_the_app_serves_as_before(platform: Instance):
    platform.paas("certs:remove", APP)
    platform.ok("domains:set", APP, f"{APP}.{platform.settings.domain}")
    platform.ok("ps:start", APP)
    assert platform.get(APP).text == "hello"
