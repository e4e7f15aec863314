"""The Go buildpack: a toolchain for the build alone, and programs in bin/ that need nothing else.

There is no dependency layer: Go's own caches of modules and of compiled packages are
on the app's cache mount, and a build takes from them what has not changed.
"""

from typing import Any

from go import build, explain, install, mains, modules

LANGUAGE = "Go"
LOOKS_FOR = "go.mod or go.work"
LAYERS = {"runtime": install.runtime}


def detect(root: str) -> list[str]:
    """The files that make this a Go app; none when it is not one."""
    return modules.seen(root)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """The toolchain that go.mod asks for. Failure when there is nothing Go could build."""
    explain.refuse_what_cannot_be_built(root)
    return [
        {
            "name": "runtime",
            "pack": "go",
            "runtime": modules.toolchain(root, config).text,
            "files": [],
            "provides": [install.FOLDER],
            # the same for all apps, unless one of them has module proxies of its own
            "shared": install.PROXY not in config,
            "variables": [install.PROXY],
            "build_only": True,
        }
    ]


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Build the main packages into bin/."""
    build.build(root, cache, config, environment, mains.chosen(root, config))


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The one program, or the one named like a web process or the module."""
    return {"default_process_types": build.default_processes(root)}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {"PATH": "/app/bin:$PATH"}
