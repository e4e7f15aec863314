"""The touch table: each outside thing is touched in one room only, read from the syntax tree."""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PROGRAM = HOUSE / "paas"
STANDARD = sys.stdlib_module_names


@dataclass(frozen=True)
class Rule:
    """Something from outside, how its use looks in a tree, and where that is allowed."""

    thing: str
    used: Callable[[ast.Module], Iterator[int]]
    allowed: tuple[str, ...]


def importing(*modules: str) -> Callable[[ast.Module], Iterator[int]]:
    """Lines that import one of the modules or something in it."""

    def used(tree: ast.Module) -> Iterator[int]:
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name == m or name.startswith(m + ".") for name in names for m in modules):
                yield node.lineno

    return used


def attribute(owner: str, *names: str) -> Callable[[ast.Module], Iterator[int]]:
    """Lines that say owner.name, or import the name from owner."""

    def used(tree: ast.Module) -> Iterator[int]:
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and (node.value.id, node.attr) in {(owner, name) for name in names}
            ) or (
                isinstance(node, ast.ImportFrom)
                and node.module == owner
                and any(alias.name in names for alias in node.names)
            ):
                yield node.lineno

    return used


def method(owner: str, *names: str) -> Callable[[ast.Module], Iterator[int]]:
    """Lines that call owner.name(...); types and constants of owner may be used."""
    wanted = {f"{owner}.{name}" for name in names}

    def used(tree: ast.Module) -> Iterator[int]:
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and ast.unparse(called) in wanted:
                yield called.lineno

    return used


def calling(name: str) -> Callable[[ast.Module], Iterator[int]]:
    """Lines that call a builtin of that name."""

    def used(tree: ast.Module) -> Iterator[int]:
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == name:
                yield called.lineno

    return used


CHILDREN = ("run", "Popen", "call", "check_call", "check_output", "getoutput")
EXECS = ("system", "popen", "execv", "execve", "execvp", "spawnv", "spawnve")
FORKERS = ("store/store.py", "doctor/trials.py", "setup/respawn.py", "network/", "image/")

RULES = (
    Rule("starting processes", method("subprocess", *CHILDREN), ("command.py",)),
    Rule("os.system and its kin", attribute("os", *EXECS), ()),
    Rule("forking", attribute("os", "fork", "posix_spawn"), FORKERS),
    Rule("sh", importing("sh"), ("command.py", "image/stack.py")),
    Rule("paramiko", importing("paramiko"), ("doors/ssh/",)),
    Rule("pyroute2", importing("pyroute2"), ("network/",)),
    Rule("jinja2", importing("jinja2"), ("proxy/render.py",)),
    Rule("the database", importing("sqlalchemy", "alembic", "sqlite3"), ("store/",)),
    Rule("acme", importing("acme", "josepy", "requests"), ("proxy/authorities.py",)),
    Rule("click", importing("click"), ("commands/",)),
    Rule("GitPython", importing("git"), ("git/",)),
    Rule(
        "the environment", attribute("os", "environ", "getenv"), ("settings.py", "setup/respawn.py")
    ),
    Rule("print", calling("print"), ("console.py",)),
    Rule("sys.exit", attribute("sys", "exit"), ("__main__.py",)),
)


def modules() -> list[Path]:
    return sorted(PROGRAM.rglob("*.py"))


def permitted(rule: Rule, module: Path) -> bool:
    place = module.relative_to(PROGRAM).as_posix()
    return any(place == a or place.startswith(a) or place.endswith("/" + a) for a in rule.allowed)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.thing)
def test_it_is_touched_only_where_the_table_allows(rule: Rule) -> None:
    offenders = [
        f"{module.relative_to(HOUSE)}:{line}"
        for module in modules()
        if not permitted(rule, module)
        for line in rule.used(ast.parse(module.read_text()))
    ]
    assert not offenders, f"{rule.thing} belongs to {rule.allowed}, not to {offenders}"


def test_no_child_is_ever_given_a_shell_string() -> None:
    offenders = [
        f"{module.relative_to(HOUSE)}:{node.lineno}"
        for module in modules()
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "shell"
    ]
    assert not offenders


def test_mount_system_calls_are_made_only_by_the_image_room_and_the_doctors_trials() -> None:
    allowed = (
        "image/",
        "doctor/trials.py",
        "network/namespaces.py",
        "network/nftables.py",
        "inotify.py",
        "doors/memory.py",
        "priority.py",
    )
    offenders = [
        module.relative_to(PROGRAM).as_posix()
        for module in modules()
        if any(importing("ctypes")(ast.parse(module.read_text())))
        and not module.relative_to(PROGRAM).as_posix().startswith(allowed)
    ]
    assert not offenders


LOWEST = ("command", "console", "errors", "polling", "priority", "settings")


def test_what_quickstart_imports_is_the_standard_library_and_the_lowest_floors() -> None:
    floors = (
        "paas.setup",
        "paas.doctor",
        "paas.command",
        "paas.console",
        "paas.disk",
        "paas.errors",
        "paas.polling",
        "paas.priority",
        "paas.settings",
        "paas.version",
    )
    rooms = [*(PROGRAM / "setup").glob("*.py"), *(PROGRAM / "doctor").glob("*.py")]
    lowest = [PROGRAM / f"{name}.py" for name in LOWEST]
    for module in (*rooms, *lowest):
        for name in imported(ast.parse(module.read_text())):
            assert name.startswith(floors) or name.partition(".")[0] in STANDARD, (
                f"{module}: {name}"
            )


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
