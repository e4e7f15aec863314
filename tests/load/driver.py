"""Operations on an app while it is under load, one after another, as a person would."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.e2e.instance import Instance, Repository


@dataclass(frozen=True, slots=True)
class Operation:
    """One that has been done. Times in seconds, monotonic."""

    name: str
    began: float
    ended: float
    failure: str = ""

    @property
    def lasted_s(self) -> float:
        return self.ended - self.began


class Driver:
    """Does operations in a fixed order; every second one is a push."""

    def __init__(self, repository: Repository, instances: int) -> None:
        self._repository = repository
        self._instance: Instance = repository.instance
        self._app = repository.app
        self._instances = instances
        self.instances_now = instances
        self._numbers = itertools.count(1)
        self.done: list[Operation] = []

    def order(self) -> Iterator[Callable[[], str]]:
        """Operations without end."""
        others = (
            self.config_set,
            self.scale_up,
            self.restart,
            self.scale_down,
            self.domains_add,
            self.rollback,
        )
        for other in itertools.cycle(others):
            yield self.push
            yield other

    def run(self, operations: int, pause_s: float, until: float) -> None:
        """Do as many operations, a pause after each, and none after a time (monotonic)."""
        for operation in itertools.islice(self.order(), operations):
            if time.monotonic() > until:
                return
            began = time.monotonic()
            failure = operation()
            name = operation.__name__.replace("_", " ")
            self.done.append(Operation(name, began, time.monotonic(), failure))
            time.sleep(pause_s)

    # -- operations: each returns what went wrong, "" when nothing did -----------------

    def push(self) -> str:
        self._repository.commit({"page.txt": f"{next(self._numbers)}\n"})
        done = self._repository.push()
        return "" if done.returncode == 0 else done.stderr.decode()[-2000:]

    def config_set(self) -> str:
        return self._paas("config:set", self._app, f"MARKER={next(self._numbers)}")

    def scale_up(self) -> str:
        return self._scale(self._instances + 1)

    def scale_down(self) -> str:
        return self._scale(self._instances)

    def restart(self) -> str:
        return self._paas("ps:restart", self._app)

    def domains_add(self) -> str:
        return self._paas("domains:add", self._app, f"d{next(self._numbers)}.example.com")

    def rollback(self) -> str:
        return self._paas("releases:rollback", self._app)

    def _scale(self, count: int) -> str:
        self.instances_now = count
        return self._paas("ps:scale", self._app, f"web={count}")

    def _paas(self, *argv: str) -> str:
        done = self._instance.paas(*argv)
        return "" if done.returncode == 0 else (done.stderr + done.stdout).decode()[-2000:]
