"""Which commands the tests call and expect to succeed: read from their source.

A call counts by the client's method: `ok` and `json` succeed; a client called itself, over
ssh or on a terminal, counts for what is asserted of it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SUCCEED = ("ok", "json")
CLIENTS = ("admin", "paas", "ssh", "platform", "instance", "root", "spawn", "Popen")


def calls() -> Iterator[tuple[str, str]]:
    """Method and each word of every call that is written there."""
    for path in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                method = getattr(node.func, "attr", getattr(node.func, "id", ""))
                yield from ((method, word) for one in node.args for word in words(one))


def words(node: ast.expr) -> Iterator[str]:
    """The text an argument is, or those that a list of them has."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.List | ast.Tuple):
        for one in node.elts:
            yield from words(one)


def succeeding() -> set[str]:
    """Commands that some test calls and expects to succeed."""
    return {word for method, word in calls() if method in (*SUCCEED, *CLIENTS)}
