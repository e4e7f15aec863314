import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import event

from paas.settings import Settings
from paas.store.store import Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()


@pytest.fixture
def statements(store: Store) -> Callable[[], AbstractContextManager[list[str]]]:
    """The statements that the database is given during a block."""

    @contextmanager
    def seen() -> Iterator[list[str]]:
        found: list[str] = []

        def note(_connection, _cursor, statement, *_others) -> None:
            found.append(statement)

        event.listen(store._database._engine, "before_cursor_execute", note)
        try:
            yield found
        finally:
            event.remove(store._database._engine, "before_cursor_execute", note)

    return seen


@pytest.fixture
def elsewhere() -> Callable[[Callable[[], object]], None]:
    """Does something in another thread and waits for it."""

    def do(work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    return do
