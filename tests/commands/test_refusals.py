"""What dokku has and this has not is answered with the reason, and not with a guess."""

import pytest

from paas.commands import refusals
from paas.commands.registry import registry
from paas.model.app import App
from tests.commands.conftest import Admin


@pytest.mark.parametrize("name", [*refusals.COMMANDS, *(f"{one}:x" for one in refusals.NAMESPACES)])
def test_a_refused_command_says_why_and_what_to_do(admin: Admin, name: str):
    said = admin.fails(name, "blog")
    assert said.status == 1
    assert f"{name} is not supported: " in said.err
    assert len(said.err.splitlines()) == 2


@pytest.mark.parametrize(("command", "flag"), list(refusals.FLAGS))
def test_a_refused_flag_says_why(admin: Admin, blog: App, command: str, flag: str):
    for words in ((flag, "1"), (f"{flag}=1",)):
        said = admin.fails(command, "blog", *words)
        assert f"{command} has no {flag}: " in said.err


def test_what_is_there_is_not_refused():
    assert not set(refusals.COMMANDS) & set(registry)
    assert not set(refusals.NAMESPACES) & {one.namespace for one in registry.values()}
    for command, flag in refusals.FLAGS:
        assert flag not in {name for one in registry[command].parameters for name in one.opts}
