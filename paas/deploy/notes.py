"""Notes: how a change went, as an event."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paas.errors import PaasError
from paas.platform import Platform


@dataclass(slots=True)
class Note:
    """What will be said of the change under way; it may become known only while it runs."""

    detail: str


@contextmanager
def noted(
    platform: Platform, app: str, actor: str, action: str, detail: str, *, begun: bool = False
) -> Iterator[Note]:
    """Record a change when it is over: succeeded, or failed and why; begun: also before."""
    if begun:
        platform.record(app, actor, action, detail, "begun")
    note = Note(detail)
    try:
        yield note
    except BaseException as error:
        why = error.message if isinstance(error, PaasError) else type(error).__name__
        platform.record(app, actor, action, f"{note.detail}: {why}", "failed")
        raise
    platform.record(app, actor, action, note.detail)
