"""Ends of processes, in words."""

from paas.model.container import Container, ExitStatus
from paas.model.limits import show_bytes


def words_of(ended: ExitStatus, memory_bytes: int | None) -> str:
    """Why a process ended; its memory limit beside it when that was why."""
    if ended.out_of_memory and memory_bytes:
        return f"{ended.reason} {show_bytes(memory_bytes)}"
    return ended.reason


def describe(container: Container) -> str:
    """`killed: memory limit 64 MiB`, `exited with code 3`."""
    if container.exit is None:
        return "is running"
    return words_of(container.exit, container.spec.limits.memory_bytes)
