"""Every command, flag and property of dokku's is here, or is refused with the reason."""

import re
from collections.abc import Iterator

import pytest

from paas.commands import refusals, report, table  # noqa: F401 - table fills the registry
from paas.commands.registry import registry
from paas.platform import Platform
from tests.commands.conftest import Admin
from tests.commands.inventory.dokku import COMMANDS, GLOBAL_FLAGS, PROPERTIES

ENTRY = re.compile(r"(\S+?)(?:\(([^)]*)\))?(?=\s|$)")


def commands() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names, each with the flags that a line lists for it."""
    for line in COMMANDS.split("\n"):
        namespace, _, rest = line.partition(": ")
        for name, flags in ENTRY.findall(rest):
            yield namespace if name == "." else f"{namespace}:{name}", tuple(flags.split())


def properties() -> Iterator[tuple[str, str]]:
    for line in PROPERTIES.split("\n"):
        namespace, _, rest = line.partition(": ")
        for key in rest.split():
            yield namespace, key


def rows() -> Iterator[str]:
    """`name`, `name --flag` and `namespace key=`: all there is in one list."""
    for name, flags in commands():
        yield name
        yield from (f"{name} {flag}" for flag in flags)
    for namespace, key in properties():
        yield f"{namespace} {key}="


def is_here(row: str) -> bool:
    """Whether it is in the registry, or refused in words."""
    name, _, rest = row.partition(" ")
    if rest.endswith("="):
        space, key = report.SPACES.get(name), rest[:-1]
        known = {one.key for one in space.properties} if space else set()
        return key in known or (name, key) in refusals.PROPERTIES
    if refusals.of_command(name) is not None:
        return True
    command = registry.get(name)
    if command is None or not rest:
        return command is not None
    flags = {flag for one in command.parameters for flag in one.opts}
    flags |= {"--global"} if "--global" in command.usage() else set()
    flags |= set(GLOBAL_FLAGS)
    return rest in flags or refusals.of_flag(name, rest) is not None


ROWS = sorted(set(rows()))


def test_everything_of_dokkus_is_here_or_refused_with_the_reason():
    assert [row for row in ROWS if not is_here(row)] == []


def test_every_namespace_takes_help(shared: Platform):
    admin = Admin(shared)
    for namespace in {one.namespace for one in registry.values() if not one.hidden}:
        assert admin.ok(f"{namespace}:help")


@pytest.mark.parametrize("name", [f"{one}:report" for one in report.SPACES])
def test_every_report_takes_an_app_the_instance_or_neither(shared: Platform, name: str):
    admin = Admin(shared)
    for target in ((), ("blog",), ("--global",)):
        for form in ((), ("--format", "json")):
            admin.ok(name, *target, *form)
    assert admin.fails(name, "nobody").status == 20
    assert "no flag --no-such-key" in admin.fails(name, "blog", "--no-such-key").err


def test_global_flags_are_taken_before_and_after(shared: Platform):
    admin = Admin(shared)
    for flag in GLOBAL_FLAGS:
        words = (flag, "blog") if flag == "--app" else (flag,)
        rest = () if flag == "--app" else ("blog",)
        admin.ok(*words, "ps:report", *rest)
        admin.ok("config:keys", *rest, *words)
