"""The daemon's own memory: one heap for all threads, and nothing kept from the start.

Touches: the C library's allocator and Python's collector.
"""

import ctypes
import gc
from contextlib import suppress

M_ARENA_MAX = -8  # mallopt(3)


def share_one_heap() -> None:
    """Have all threads allocate from one heap (mallopt(3), M_ARENA_MAX).

    By default each gets a heap of its own and keeps it: thirty megabytes more after one
    push. Python's lock lets one thread allocate at a time anyway.
    """
    with suppress(OSError, AttributeError):  # a C library without mallopt(3)
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def settle() -> None:
    """Start-up is over: give back what it used, and have the collector pass over what stays."""
    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):  # a C library without malloc_trim(3)
        ctypes.CDLL(None).malloc_trim(0)
