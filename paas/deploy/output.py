"""A build's output: one pipe, relayed line by line to the pusher and to the build's log."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import BinaryIO, Self

from paas.console import Console, plain
from paas.model.app import App
from paas.settings import Settings

LINE_BYTES = 16384


class BuildOutput:
    """Where a build speaks; more than build_log_bytes is dropped with a line that says so."""

    def __init__(self, settings: Settings, app: App | None, console: Console) -> None:
        """Of an app, whose builds are kept in its log; None: of nobody's, and not kept."""
        self._console = console
        self._left = settings.build_log_bytes
        self._kept = settings.build_logs_kept
        self._directory = settings.state_dir / "builds" / app.name if app else None
        self._readers: list[threading.Thread] = []
        self._log: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self._directory is None:
            return self
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ.log")
        self._log = (self._directory / name).open("wb")
        for old in sorted(self._directory.glob("*.log"))[: -self._kept]:
            old.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()
        if self._log:
            self._log.close()

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
        if self._log:
            self._log.write(text.encode() + b"\n")
