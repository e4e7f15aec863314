"""The daemon's log: one line an event on standard error, `key=value` for programs.

Touches: standard error and the root logger. systemd reads the `<n>` prefix as the
level (sd-daemon(3)) where it collects the stream.
"""

import logging
import sys
import time

from paas.errors import PaasError
from paas.settings import environment

PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Line(logging.Formatter):
    """`2026-01-02T03:04:05.678Z info paas.doors.ssh message key=value`, a traceback below."""

    def __init__(self, *, for_systemd: bool) -> None:
        super().__init__()
        self._for_systemd = for_systemd

    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in STANDARD}
        pairs = "".join(f" {key}={quoted(str(value))}" for key, value in extra.items())
        text = f"{record.levelname.lower()} {record.name} {one_line(record.getMessage())}{pairs}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{self._head(record)} {text}"

    def _head(self, record: logging.LogRecord) -> str:
        if self._for_systemd:
            return f"<{PRIORITIES.get(record.levelname, 6)}>"
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{moment}.{int(record.msecs):03d}Z"


def one_line(text: str) -> str:
    """What strangers send must not look like lines of ours."""
    return text.encode("unicode_escape").decode() if not text.isprintable() else text


def quoted(text: str) -> str:
    return text if text.isprintable() and " " not in text and '"' not in text else repr(text)


def start(level: str) -> None:
    """Log to standard error from the given level on; PaasError for an unknown one."""
    if level.upper() not in PRIORITIES:
        raise PaasError(f"PAAS_LOG_LEVEL is {level!r}", "use debug, info, warning or error")
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(Line(for_systemd=bool(environment("JOURNAL_STREAM"))))
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
