"""Halt: every container, the proxy, the name service and the network of an instance, ended.

State stays: the next start of the daemon brings every app back.
"""

from concurrent.futures import ThreadPoolExecutor

from paas.platform import Platform

AT_ONCE = 8


def halt(platform: Platform) -> list[str]:
    """End everything of this instance that the kernel knows; what was ended, in words."""
    containers = platform.engine.list()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="halt") as crew:
        ended = [crew.submit(platform.engine.remove, one.id) for one in containers]
    for one in ended:
        one.result()
    leftovers = platform.engine.reconcile(())
    platform.volumes.unmount_all()
    platform.proxy.stop()
    platform.networks.clear()
    platform.engine.close()
    return [f"container {one.spec.hostname} of {one.spec.app}" for one in containers] + leftovers
