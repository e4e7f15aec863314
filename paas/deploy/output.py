"""A build's output: one pipe, relayed line by line to whoever waits for the build."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from paas.console import Console, plain
from paas.settings import Settings

LINE_BYTES = 16384


class BuildOutput:
    """Where a build speaks; more than build_log_bytes is dropped with a line that says so."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._console = console
        self._left = settings.build_log_bytes
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()

    @contextmanager
    def pipe(self) -> Iterator[int]:
        """A descriptor to write to; closed here at the end of the block, read to its end after."""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        thread = threading.Thread(
            target=self._relay, args=(reader,), name="build-output", daemon=True
        )
        thread.start()
        self._readers.append(thread)
        try:
            yield writer
        finally:
            os.close(writer)

    def flush(self) -> None:
        """Wait until everything written so far has been relayed."""
        for thread in self._readers:
            thread.join(timeout=5)
        self._readers.clear()

    def _relay(self, reader: int) -> None:
        with os.fdopen(reader, "rb") as stream:
            while line := stream.readline(LINE_BYTES):
                self._line(line)

    def _line(self, line: bytes) -> None:
        if self._left <= 0:
            return
        self._left -= len(line)
        text = plain(line.decode(errors="replace").rstrip("\r\n").rsplit("\r", 1)[-1])
        if self._left <= 0:
            text = "       (the build wrote too much; the rest is not shown)"
        self._console.line(text)
