"""Who goes first: what answers requests has its turns sooner."""

import ctypes
import os
import signal
import subprocess
import sys

import pytest

from paas import priority
from paas.proxy.nginx import children


def turn_ns(thread: int) -> int:
    """How long its turns are, as the kernel has it."""
    buffer = ctypes.create_string_buffer(priority.ATTRIBUTES.size)
    assert priority.LIBC.syscall(priority.SCHED_GETATTR, thread, buffer, len(buffer), 0) == 0
    found: int = priority.ATTRIBUTES.unpack(buffer.raw)[5]
    return found


def test_what_answers_requests_has_short_turns_and_so_has_what_it_starts():
    code = "import subprocess; input(); subprocess.run(['sleep', '600'])"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        before = turn_ns(child.pid)
        priority.answer_soon([child.pid, 1 << 22])  # the second is nobody
        if before == 0 == turn_ns(child.pid):
            pytest.skip("this kernel gives everybody the same turns")
        assert turn_ns(child.pid) == priority.SHORT_NS < before
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        while not (grandchildren := children(child.pid)):
            assert child.poll() is None
        assert turn_ns(grandchildren[0]) == priority.SHORT_NS
    finally:
        for one in (*children(child.pid), child.pid):
            os.kill(one, signal.SIGKILL)
        child.wait()
