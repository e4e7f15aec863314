"""Every command there is, called wrongly: what is wrong is said, and nothing has changed."""

import pytest

from paas.commands import table  # noqa: F401 - fills the registry
from paas.commands.registry import Command, registry
from paas.platform import Platform
from paas.store.database import metadata
from tests.commands.bad_lines import arguments, hostile_lines, sample, syntax_errors
from tests.commands.conftest import ROOT, Admin

EVERY = [pytest.param(one, id=one.name) for one in registry.values() if one.namespace != "hook"]
PROGRAMS = ("enter", "run", "run:detached", "storage:exec", "plugin:trigger")
OF_APPS = [one for one in EVERY if any(a.name == "app" for a in arguments(one.values[0]))]  # type: ignore[union-attr]

OF_SEVERAL = [
    one
    for one in EVERY
    if any(a.nargs == -1 for a in arguments(one.values[0]))  # type: ignore[union-attr]
    and not one.values[0].takes_words  # type: ignore[union-attr]
    and one.values[0].name not in PROGRAMS  # type: ignore[union-attr]
]


def state(platform: Platform) -> dict[str, list[bytes]]:
    """Every table but what is told of attempts."""
    with platform.store.view():
        return {name: [*platform.store.dump(name)] for name in metadata.tables if name != "events"}


@pytest.mark.parametrize("command", EVERY)
def test_a_line_of_the_wrong_form_gets_the_usage_and_changes_nothing(
    shared: Platform, command: Command
):
    admin, before = Admin(shared), state(shared)
    for argv in syntax_errors(command, "blog"):
        said = admin.fails(*argv)
        assert said.status == 2, (argv, said)
        assert said.out == "", (argv, said)
        assert "usage: paas " in said.err or len(said.err.splitlines()) >= 2, (argv, said)
    assert state(shared) == before


@pytest.mark.parametrize("command", OF_SEVERAL)
@pytest.mark.parametrize("wrong", ["a\nb", "../x", "-", "no such thing!"])
def test_one_wrong_word_among_several_keeps_all_of_them_from_taking_effect(
    shared: Platform, command: Command, wrong: str
):
    before = state(shared)
    several = [sample(one, "blog") for one in arguments(command) if one.required or one.nargs == -1]
    for argv in ((*several, wrong), (*several[:-1], wrong, several[-1])):
        said = Admin(shared)(command.name, *argv)
        assert said.status != 0, (argv, said)
        assert state(shared) == before, (argv, said)


@pytest.mark.parametrize("command", OF_APPS)
def test_what_is_no_app_is_never_acted_on(shared: Platform, command: Command):
    admin, before = Admin(shared), state(shared)
    for argv in hostile_lines(command, "no-such-app", seed=1, number=6):
        said = admin(*argv)
        assert said.status != 0, (argv, said)
        assert "inside paas" not in said.err, (argv, said)
        assert not set("\x1b\0\u202e") & set(said.err), (argv, said)
        assert len(said.err) < 9000
    assert state(shared) == before


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("backup", "-", "--passphrase-file="), "the name of a file is empty"),
        (("apps:export", "blog", "-", "--passphrase-file="), "the name of a file is empty"),
        (("backup", ""), "the name of a file is empty"),
        (("plugin:install", "--committish=v2"), "go with the address"),
        (("storage:labels:set", "data", "a\nb"), "not a key of a label"),
        (("events", "--after", "9" * 30), "9223372036854775807"),
        (("config:set", "blog", "A=\0"), "argument 3 has a character in it that is not text"),
    ],
)
def test_what_would_be_lost_in_silence_or_break_something_is_refused(
    shared: Platform, argv: tuple[str, ...], why: str
):
    said = Admin(shared).fails(*argv, caller=ROOT)
    assert said.status == 2
    assert why in said.err
    assert len(said.err.splitlines()) >= 2
