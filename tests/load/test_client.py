"""The load tool sees what it is there to see: every way of losing a request has a name."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.load.client import Client, Crowd, Mix
from tests.load.record import quantile
from tests.load.wire import Broken, Target

Life = Callable[[Client], object]


def page(app: str = "busy", release: int = 7, status: str = "200 OK") -> bytes:
    body = json.dumps({"app": app, "release": release, "process": "web.1"}).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def saying(*answers: bytes) -> Iterator[Target]:
    """A server that gives one of these to each connection's request, then hangs up."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if left else b"")
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1], "busy.localhost")
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


def failures(there: Target, *lives: Life) -> list[str]:
    """What these lives of one client put down as failures."""
    crowd = Crowd({})
    client = Client(crowd, "busy", there, Mix(poll_s=0.0, upload_bytes=10))

    async def run() -> None:
        for life in lives:
            try:
                await life(client)  # type: ignore[misc]
            except Broken:
                continue

    asyncio.run(run())
    return [one.failure for one in crowd.record.failures]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (page(status="502 Bad Gateway"), "status 502"),
        (page(app="other"), "wrong app"),
        (b"", "closed before the answer"),
        (page()[:30], "closed within the answer"),
        (page()[:-5], "closed within the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "an answer of somebody else"),
    ],
)
def test_an_answer_that_is_not_the_apps_is_a_failure(answer: bytes, failure: str) -> None:
    with saying(answer) as there:
        assert failures(there, Client.new) == [failure]


def test_an_older_release_after_a_newer_one_is_a_failure() -> None:
    with saying(page(release=6), page(release=7), page(release=6)) as there:
        assert failures(there, Client.new, Client.new, Client.new) == [
            "release went back from v7 to v6"
        ]


def test_another_body_than_was_sent_is_a_failure() -> None:
    with saying(page()) as there:
        assert failures(there, Client.upload) == ["another body arrived"]


def test_a_websocket_that_is_cut_is_a_failure() -> None:
    with saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", page()) as there:
        assert failures(there, Client.session) == ["websocket cut"]
        assert failures(there, Client.session) == ["status 200 instead of a websocket"]


def test_nobody_there_is_a_failure() -> None:
    with socket.socket() as deaf:  # so that the port is nobody else's either
        deaf.bind(("127.0.0.1", 0))
        there = Target("127.0.0.1", deaf.getsockname()[1], "busy.localhost")
        refused = ["no connection: ConnectionRefusedError"]
        assert failures(there, Client.new, Client.kept) == refused * 2


def test_quantiles_are_values_that_were_seen() -> None:
    times = [float(number) for number in range(1, 101)]
    assert [quantile(times, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert quantile([], 0.5) == 0.0
