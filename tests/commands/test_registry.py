"""What holds for every command there is."""

from pathlib import Path

import click
import pytest

from paas.commands import document, table
from paas.commands.basics import NAMESPACES, listed
from paas.commands.permissions import GRANTS, Permission, allowed
from paas.commands.registry import Command, registry
from paas.errors import PaasError
from paas.model.caller import Role
from paas.platform import Platform
from tests.commands import calls
from tests.commands.conftest import ADMIN, GIT, NOBODY, Admin

EVERY = [pytest.param(one, id=one.name) for one in registry.values()]
ANSWERS_JSON = [
    one for one in listed() if one.name.endswith((":list", ":report", ":inspect", ":info", ":show"))
]


@pytest.mark.parametrize("command", EVERY)
def test_every_command_explains_itself(command: Command, shared: Platform):
    said = Admin(shared).ok(
        command.name, "--help", caller=GIT if command.permission is Permission.HOOK else ADMIN
    )
    assert said.startswith(f"Usage: paas {command.name}")
    assert len(command.summary) > 10
    assert command.summary.endswith(".")


@pytest.mark.parametrize("command", EVERY)
def test_every_command_has_a_permission_that_somebody_has(command: Command):
    assert isinstance(command.permission, Permission)
    assert any(command.permission in granted for granted in GRANTS.values())


@pytest.mark.parametrize("command", EVERY)
def test_a_caller_without_a_role_may_call_nothing(command: Command, shared: Platform):
    said = Admin(shared).fails(command.name, "blog", caller=NOBODY)
    assert (said.status, said.out) == (77, "")


@pytest.mark.parametrize("command", EVERY)
def test_git_may_call_its_hook_and_nothing_else(command: Command):
    assert allowed(GIT, command.permission) == command.name.startswith("hook:")


def test_an_administrator_may_not_call_the_hook(admin: Admin):
    assert admin.fails("hook:pre-receive").status == 77
    assert Permission.HOOK not in GRANTS[Role.ADMIN]


@pytest.mark.parametrize("command", [pytest.param(one, id=one.name) for one in ANSWERS_JSON])
def test_every_list_and_report_speaks_json(command: Command):
    names = [name for one in command.parameters for name in one.opts]
    assert "--format" in names


@pytest.mark.parametrize("command", EVERY)
def test_every_option_has_help(command: Command):
    for option in command.parameters:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{command.name} {option.opts}"


def test_every_command_is_used_by_a_test_that_expects_it_to_succeed():
    """That each fails as it should, test_bad_input sees to; reports are tried by the inventory."""
    reports = {name for name in registry if name.endswith(":report")}
    used = calls.succeeding()
    used |= {table.DEFAULTS[name] for name in used if name in table.DEFAULTS}
    missing = {one.name for one in listed()} - used - reports
    assert missing == set(), "write a test that calls it as its users do"


def test_every_namespace_is_described():
    assert {one.namespace for one in listed()} == set(NAMESPACES)


def test_a_command_without_help_cannot_be_made():
    from paas.commands.registry import command

    with pytest.raises(PaasError, match="no help"):

        @command("silent", Permission.READ)
        def silent(_context: object) -> None:
            pass


def test_a_command_without_a_permission_cannot_be_made():
    from paas.commands.registry import command

    with pytest.raises(ValueError, match="not a valid Permission"):

        @command("open", "")
        def open_to_all(_context: object) -> None:
            """Do it."""


def test_the_page_about_commands_is_current():
    page = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
    assert page.read_text() == document.page(listed(), NAMESPACES), "renew it: its head says how"
