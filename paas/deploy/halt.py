"""Halt: every container, the proxy, the name service and the network of an instance, ended.

State stays: the next start of the daemon brings every app back.
"""

from paas.platform import Platform


def halt(platform: Platform) -> list[str]:
    """End everything of this instance that the kernel knows; what was ended, in words."""
    containers = platform.engine.list()
    for container in containers:
        platform.engine.remove(container.id)
    leftovers = platform.engine.reconcile(())
    platform.proxy.stop()
    platform.networks.clear()
    return [f"container {one.spec.hostname} of {one.spec.app}" for one in containers] + leftovers
