"""Stillness: containers held still by somebody's wish, or for a moment by us.

For a moment: a mark in the container's directory says so, by which the next daemon lets go
when this one dies. Touches: that mark; the freezer through cgroups.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.runtime import Directories
from paas.errors import PaasError
from paas.model.container import Container


class Stillness:
    """Which containers are still, by the kernel's word."""

    def __init__(self, cgroups: Cgroups, directories: Directories) -> None:
        self._cgroups = cgroups
        self._directories = directories

    def freeze(self, container: Container) -> None:
        """Stop everything in it where it is; PaasError when that cannot be."""
        if not self._cgroups.freeze(container.id):
            self._cgroups.thaw(container.id)
            raise PaasError(
                f"{container.spec.hostname} could not be frozen",
                "the kernel's freezer is missing or is kept waiting",
            )

    @contextmanager
    def for_a_moment(self, container_id: str) -> Iterator[None]:
        """Still for the block; one that somebody froze stays so after it."""
        if self._cgroups.frozen(container_id):
            yield
            return
        self._directories.frozen(container_id).touch()
        try:
            if not self._cgroups.freeze(container_id):
                raise PaasError(f"container {container_id} could not be held still")
            yield
        finally:
            self.let_go(container_id)

    def let_go(self, container_id: str) -> None:
        """End a moment, if there is one."""
        mark = self._directories.frozen(container_id)
        if mark.exists():
            self._cgroups.thaw(container_id)
            mark.unlink(missing_ok=True)
