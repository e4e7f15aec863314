"""The disk of twenty apps of one runtime, beside that of the first of them."""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.bench.measuring import Outcome
from tests.e2e.instance import Instance

APPS = 20
MIB = 1 << 20
SAMPLES = Path(__file__).resolve().parents[1] / "apps"
FLASK = {
    "requirements.txt": "flask==3.1.0\ngunicorn==23.0.0\nrequests==2.32.3\n",
    "Procfile": "web: gunicorn app:app\n",
    "app.py": "from flask import Flask\n\napp = Flask(__name__)\n",
}


def taken(root: Path) -> int:
    """Bytes of disk below a directory, a file of several names counted once."""
    sizes: dict[int, int] = {}
    for folder, _, files in os.walk(root):  # which goes on when something is deleted meanwhile
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            with suppress(FileNotFoundError):
                status = path.lstat()
                sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def twenty(instance: Instance, name: str) -> Outcome:
    """Twenty apps of equal runtime and dependencies, all running; what the layers take."""
    layers = instance.settings.state_dir / "layers"
    sizes = []
    for number in range(APPS):
        deploy(instance, name, number)
        if number in (0, APPS - 1):
            while list((layers / "building").iterdir()):  # what is being deleted
                time.sleep(0.1)
            sizes.append(taken(layers))
    first, all_ = sizes
    more = (all_ - first) / (APPS - 1)
    return Outcome(
        f"layers of {APPS} running {name} apps",
        "runtime and equal dependencies stored once",
        f"{all_ / MIB:.1f} MiB; the first {first / MIB:.1f}, each more {more / MIB:.2f}",
        f"{all_ / (APPS * first):.3f} of {APPS} times the first",
        all_ <= 1.1 * first,
        {"bytes": [float(first), float(all_)]},
    )


def deploy(instance: Instance, name: str, number: int) -> None:
    """One more app, whose source is its own."""
    sample = SAMPLES / "express" if name == "nodejs" else None
    repository = instance.repository(f"{name}-{number}", sample)
    files = {} if sample else FLASK
    repository.deploy({**files, "page.txt": f"app {number}"})
