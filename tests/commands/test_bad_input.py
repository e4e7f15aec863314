"""Every command there is, called wrongly: what is wrong is said, and nothing has changed."""

import pytest

from paas.commands import table  # noqa: F401 - fills the registry
from paas.commands.registry import Command, registry
from paas.platform import Platform
from paas.store.database import metadata
from tests.commands.bad_lines import arguments, hostile_lines, syntax_errors
from tests.commands.conftest import Admin

EVERY = [pytest.param(one, id=one.name) for one in registry.values() if one.namespace != "hook"]
OF_APPS = [one for one in EVERY if any(a.name == "app" for a in arguments(one.values[0]))]  # type: ignore[union-attr]


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
