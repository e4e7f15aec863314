"""A small app for the proxy to stand before: asyncio on an address of its own, in a thread."""

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Callable

from paas.model.route import Peer

WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Upstream:
    """Says its name at /, and does at other paths what a test asks for."""

    def __init__(self, name: str, host: str, port: int = 0) -> None:
        self.name = name
        self.requests: list[bytes] = []  # heads, as they came
        self.connections = 0  # taken so far
        self.uploaded = 0  # bytes of the upload under way
        self.release = threading.Event()  # lets what waits go on
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, host, port))
        self.peer = Peer(host, self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Go away; what waits is answered first."""
        self.release.set()
        self.crash()

    def crash(self) -> None:
        """Go away as a killed app does: listening ends, connections are cut."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(60)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(60)
        self.release.set()

    async def _end(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.split()[1].partition(b"?")[0].decode()
        answer: Callable[..., object] = {
            "/events": self._events,
            "/socket": self._echo,
            "/upload": self._upload,
            "/slow": self._slow,
        }.get(path, self._plain)
        await answer(head, reader, writer)  # type: ignore[misc]

    async def _plain(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.split()[1]
        await body_of(head, reader)
        if path == b"/headers":
            return await reply(writer, json.dumps(headers_of(head)).encode())
        if path == b"/broken":
            return await reply(writer, b"the app's own words", b"503 Out Of Coffee")
        if path == b"/large-head":
            return await reply(writer, b"own", extra=b"X-Large: " + b"x" * 30000 + b"\r\n")
        if path == b"/redirect-inside":
            return await reply(writer, b"own", extra=b"X-Accel-Redirect: @page\r\n")
        return await reply(writer, self.name.encode())

    async def _slow(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await asyncio.to_thread(self.release.wait, 60)
        await reply(writer, self.name.encode())

    async def _events(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n10\r\ndata: first ev\r\n\r\n"
        )
        await writer.drain()
        await asyncio.to_thread(self.release.wait, 60)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _upload(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length = int(headers_of(head)["content-length"])
        content = hashlib.sha256()
        while self.uploaded < length and (part := await reader.read(1 << 16)):
            content.update(part)
            self.uploaded += len(part)
        await reply(writer, content.hexdigest().encode())

    async def _echo(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        key = headers_of(head)["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        while True:  # short text frames only: a byte of flags, of length, four of mask
            first, length, *mask = await reader.readexactly(6)
            masked = await reader.readexactly(length & 0x7F)
            text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))
            writer.write(bytes([first, len(text)]) + text)
            await writer.drain()


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:-2]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def body_of(head: bytes, reader: asyncio.StreamReader) -> bytes:
    headers = headers_of(head)
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append((await reader.readexactly(size + 2))[:-2])
        await reader.readline()
        return b"".join(parts)
    return await reader.readexactly(int(headers.get("content-length", 0)))


async def reply(
    writer: asyncio.StreamWriter, body: bytes, status: bytes = b"200 OK", extra: bytes = b""
) -> None:
    writer.write(
        b"HTTP/1.1 " + status + b"\r\n" + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body
    )
    await writer.drain()
