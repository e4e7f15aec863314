"""Waiting for descriptors: select(2) without its end at the thousandth.

A daemon with hundreds of containers has more open than FD_SETSIZE (1024), beyond which
select(2) refuses a descriptor; poll(2) takes any. Touches: nothing.
"""

import select
from collections.abc import Iterable


def readable(descriptors: Iterable[int], timeout_s: float | None = None) -> set[int]:
    """Those that can be read, have been hung up or, as a pidfd, have ended; none in time: empty.

    timeout_s: how long to wait at most; None for as long as it takes.
    """
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {one for one, _ in poller.poll(None if timeout_s is None else max(0, timeout_s * 1000))}
