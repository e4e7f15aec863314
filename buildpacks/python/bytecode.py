"""Compiling the app's own modules ahead: a start then reads byte code only."""

import os
import time

from lifecycle import child

from python import version

LEFT_OUT = {"node_modules", "__pycache__", "site-packages"}
LIMIT_S = 5.0  # what is not compiled by then is compiled at its first import


def compile_tree(root: str, interpreter: str, environment: dict[str, str]) -> None:
    """Compile every module of the app; one that cannot be compiled is left to the app."""
    if version.wanted(root).in_stack:
        in_process(root)
    else:
        argv = [interpreter, "-m", "compileall", "-q", "-x", r"/(\.venv|\.heroku|node_modules)/"]
        child.run([*argv, root], environment, root)


def in_process(root: str) -> None:
    """With this very interpreter, which is the stack's, as the app's is."""
    import sys  # noqa: PLC0415 - only to write where the app will look, not where we do

    ours, sys.pycache_prefix = sys.pycache_prefix, None
    until = time.monotonic() + LIMIT_S
    try:
        for path in modules(root):
            compile_one(path)
            if time.monotonic() > until:
                return
    finally:
        sys.pycache_prefix = ours


def modules(root: str) -> list[str]:
    found = []
    waiting = [root]
    while waiting:
        for item in os.scandir(waiting.pop()):
            if item.is_dir(follow_symlinks=False):
                if item.name not in LEFT_OUT and not item.name.startswith("."):
                    waiting.append(item.path)
            elif item.name.endswith(".py") and item.is_file(follow_symlinks=False):
                found.append(item.path)
    return sorted(found)


def compile_one(path: str) -> None:
    import py_compile  # noqa: PLC0415 - 8 ms that an app of other languages need not pay

    try:
        py_compile.compile(path, doraise=True)
    except (py_compile.PyCompileError, OSError, ValueError):
        return  # the app itself will say so when it imports it
