"""Who goes first: the daemon, in a session of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

WORDS = "from paas import priority; priority.go_first(); print(open('/proc/self/autogroup').read())"


@pytest.mark.parametrize(("own", "nice"), [(True, "-5"), (False, "0")])
def test_a_session_of_its_own_is_weighed_and_that_of_others_is_not(own: bool, nice: str):
    if not Path("/proc/self/autogroup").exists():
        pytest.skip("this kernel weighs no sessions")
    argv = [sys.executable, "-c", WORDS]
    if not own:  # beside a program that leads the session
        argv = ["setsid", "--wait", "sh", "-c", '"$@"; true', "sh", *argv]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, start_new_session=own)
    assert done.stdout.split()[-1] == nice
