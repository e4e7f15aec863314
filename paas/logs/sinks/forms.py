"""The forms lines are shipped in: syslog messages (RFC 5424), and JSON between newlines. Pure.

A line that is too long for a receiver goes as several messages of the same time.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from paas.logs.line import Line, as_object, shown_at
from paas.model.sink import Sink
from paas.version import VERSION

# RFC 5424, 6.1: every receiver takes 480 octets and should take 2048. rsyslog and syslog-ng
# take 8 KiB and more; a datagram is best not broken up by too many routers.
STREAM_BYTES, DATAGRAM_BYTES = 8000, 2000
USER_FACILITY = 1 << 3
INFO, ERROR = 6, 3
HOSTNAME, APP_NAME, PROCID = 255, 48, 128  # RFC 5424, 6: how long each may be
UNFIT = re.compile(r"[^\x21-\x7e]")


def messages(app: str, line: Line, hostname: str, most_bytes: int) -> Iterator[bytes]:
    """A line as syslog messages of text of at most so many bytes each."""
    priority = USER_FACILITY + (ERROR if line.stream == "stderr" else INFO)
    names = (word(hostname, HOSTNAME), word(app, APP_NAME), word(line.source, PROCID))
    head = f"<{priority}>1 {shown_at(line)} {' '.join(names)} - - ".encode()
    for part in parts(line.text.encode(errors="replace"), most_bytes):
        yield head + part


def word(text: str, most: int) -> str:
    """A field of a message's head: printable ASCII without spaces."""
    return UNFIT.sub("_", text)[:most] or "-"


def parts(data: bytes, most_bytes: int) -> Iterator[bytes]:
    """UTF-8 cut into pieces, never within a character."""
    while len(data) > most_bytes:
        end = most_bytes
        while data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[:end]
        data = data[end:]
    yield data


def framed(message: bytes) -> bytes:
    """A message in a stream, by octet counting (RFC 6587, 3.4.1; RFC 5425, 4.3)."""
    return b"%d %b" % (len(message), message)


def json_lines(app: str, lines: Iterable[Line]) -> bytes:
    """The objects that `paas logs --format json` shows, one a line."""
    return b"".join(json.dumps(as_object(app, line)).encode() + b"\n" for line in lines)


def headers(sink: Sink) -> Mapping[str, str]:
    """Of a request with such lines."""
    found = {"Content-Type": "application/x-ndjson", "User-Agent": f"paas/{VERSION}"}
    if sink.user is not None:
        login = base64.b64encode(f"{sink.user}:{sink.password}".encode()).decode()
        found["Authorization"] = f"Basic {login}"
    return found
