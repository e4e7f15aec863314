"""bin/quickstart of a new instance with a stack of its own, from nothing to the first page."""

import os
import shutil
import subprocess

from tests.bench.measuring import Outcome, timed
from tests.conftest import own_settings
from tests.e2e.instance import REPOSITORY, SETTING_KEYS


def quickstart() -> Outcome:
    """Packages and the Python environment are here already: a bare machine needs them as well."""
    settings = own_settings(stack_dir="")
    values = {f"PAAS_{key.upper()}": str(getattr(settings, key)) for key in SETTING_KEYS}
    environment = {**os.environ, **values}
    program = str(REPOSITORY / "bin" / "quickstart")
    try:
        taken = timed(
            lambda: subprocess.run([program], env=environment, check=True, capture_output=True)
        )
    finally:
        subprocess.run([program, "--remove"], env=environment, check=False, capture_output=True)
        shutil.rmtree(settings.state_dir.parent, ignore_errors=True)
    return Outcome(
        "quickstart, new stack, packages present", "<= 150 s", f"{taken:.0f} s",
        f"{taken / 150:.2f} of 150 s", taken <= 150, {"quickstart": [taken]},
    )  # fmt: skip
