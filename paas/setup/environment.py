"""Makes the locked Python environment in <checkout>/.venv from the hashed locks.

Touches: .venv. pip comes from Debian's python3-pip-whl and is never installed into it.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.setup.children import network_environment
from paas.version import VERSION

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
SYSTEM_PYTHON = "/usr/bin/python3"
WHEELS = Path("/usr/share/python-wheels")
LOCK = "requirements.lock"
DEVELOPMENT_LOCK = "requirements-dev.lock"  # everything in LOCK and what tests need
STAMP = VENV / "paas-locks.json"


def ensure(runner: Runner, lock: str, say: Callable[[str], None]) -> None:
    """Install what the lock names, unless the environment already has exactly that."""
    locks = (LOCK, DEVELOPMENT_LOCK) if lock == DEVELOPMENT_LOCK else (LOCK,)
    wanted = {"python": python_version(runner), **{name: digest(name) for name in locks}}
    stamp = read_stamp()
    if wanted.items() <= stamp.items() and PYTHON.exists():
        say("the environment is as locked")
        return
    if stamp.get("python") != wanted["python"]:
        shutil.rmtree(VENV, ignore_errors=True)
        stamp = {}
    make(runner, lock)
    STAMP.write_text(json.dumps({**stamp, **wanted}))
    say(f"{count(CHECKOUT / lock)} packages installed, each checked against its hash")


def make(runner: Runner, lock: str) -> None:
    """The environment itself, the packages in it, and the checkout on its path."""
    runner.run((SYSTEM_PYTHON, "-m", "venv", "--without-pip", str(VENV)))
    env = {"HOME": "/root", **network_environment()}
    try:
        runner.run(install_argv(lock), env=env, timeout_s=600)
    except CommandFailed as error:
        raise PaasError(
            f"the Python packages could not be installed: {error.stderr.strip()[-500:]}",
            "check that the Python package index can be reached, and run it again",
        ) from error
    install_checkout()


def python_version(runner: Runner) -> str:
    """The version of the Python that environments are made from, whichever one runs this."""
    asked = "import platform; print(platform.python_version())"
    return runner.run((SYSTEM_PYTHON, "-I", "-S", "-c", asked)).stdout.decode().strip()


def install_checkout() -> None:
    """Put the checkout on the environment's path, as an editable install would."""
    site = next((VENV / "lib").glob("python3.*/site-packages"))
    metadata = site / f"paas-{VERSION}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: paas\nVersion: {VERSION}\n")
    (site / "paas.pth").write_text(f"{CHECKOUT}\n")


def install_argv(lock: str) -> tuple[str, ...]:
    """Pip run from its wheel, for the environment's Python; wheels only, hashes required."""
    return (
        SYSTEM_PYTHON, f"{pip_wheel()}/pip", "--python", str(PYTHON), "install", "--quiet",
        "--no-cache-dir", "--no-deps", "--only-binary", ":all:", "--require-hashes",
        "--requirement", str(CHECKOUT / lock),
    )  # fmt: skip


def pip_wheel() -> Path:
    """Debian's wheel of pip, run without being installed."""
    found = sorted(WHEELS.glob("pip-*.whl"))
    if not found:
        raise PaasError("pip's wheel is missing", "apt-get install python3-pip-whl")
    return found[-1]


def remove() -> None:
    """Take the environment away."""
    shutil.rmtree(VENV, ignore_errors=True)


def read_stamp() -> dict[str, str]:
    """What the environment was made from; nothing when it is absent or half made."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def digest(lock: str) -> str:
    """SHA-256 of a lock; empty when there is none."""
    path = CHECKOUT / lock
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def count(lock: Path) -> int:
    """How many packages a lock pins for this system."""
    return sum("==" in line and "win32" not in line for line in lock.read_text().splitlines())
