"""HTTP and websockets by hand, so that nothing between the test and the socket retries.

Touches: TCP to one address. Every way an exchange can go wrong is a Broken with a short
name of what happened, the same name for the same thing.
"""

import asyncio
import base64
import json
import os
import struct
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

TEXT, CLOSE = 1, 8


class Broken(Exception):
    """An exchange that did not end as it should."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and for whom."""

    address: str
    port: int
    host: str


class Connection:
    """One TCP connection."""

    def __init__(
        self, target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.target = target
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, target: Target) -> "Connection":
        try:
            reader, writer = await asyncio.open_connection(target.address, target.port)
        except OSError as error:
            raise Broken(f"no connection: {type(error).__name__}") from error
        return cls(target, reader, writer)

    def close(self) -> None:
        self._writer.close()

    async def get(self, path: str, *, keep: bool = True) -> Mapping[str, Any]:
        """The JSON of a 200 answer to one GET."""
        headers = {} if keep else {"Connection": "close"}
        await self._send(self._head("GET", path, headers))
        return await self._answer()

    async def post(self, path: str, count: int, parts: AsyncIterator[bytes]) -> Mapping[str, Any]:
        """The JSON of a 200 answer to one POST of count bytes, sent as they come."""
        await self._send(self._head("POST", path, {"Content-Length": str(count)}))
        async for part in parts:
            await self._send(part)
        return await self._answer()

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.target.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise Broken(f"{type(error).__name__} while sending") from error

    async def _answer(self) -> Mapping[str, Any]:
        status, headers = await self._answer_head()
        try:
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        except asyncio.IncompleteReadError as error:
            raise Broken("closed within the answer") from error
        except OSError as error:
            raise Broken(f"{type(error).__name__} within the answer") from error
        if status != 200:
            raise Broken(f"status {status}")
        return parsed(body)

    async def _answer_head(self) -> tuple[int, dict[str, str]]:
        try:
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError as error:
            words = "within the answer" if error.partial else "before the answer"
            raise Broken(f"closed {words}") from error
        except OSError as error:
            raise Broken(f"{type(error).__name__} before the answer") from error
        first, *lines = text.split("\r\n")
        pairs = (line.partition(":") for line in lines if line)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    # -- websockets (RFC 6455) -------------------------------------------------------

    async def upgrade(self, path: str) -> Mapping[str, Any]:
        """Become a websocket; the JSON of the greeting."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        await self._send(self._head("GET", path, headers))
        status, _ = await self._answer_head()
        if status != 101:
            raise Broken(f"status {status} instead of a websocket")
        return parsed(await self._receive())

    async def echo(self, text: bytes) -> None:
        """Send a text and have it come back."""
        await self._send(frame(TEXT, text))
        if await self._receive() != text:
            raise Broken("another echo")

    async def end(self) -> None:
        """The closing handshake."""
        await self._send(frame(CLOSE, struct.pack(">H", 1000)))
        await self._receive(CLOSE)

    async def _receive(self, wanted: int = TEXT) -> bytes:
        try:
            first, size = await self._reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack(">H", await self._reader.readexactly(2))
            payload = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Broken("websocket cut") from error
        if first & 0x0F != wanted:
            raise Broken("websocket closed by the app")
        return payload


def frame(kind: int, payload: bytes) -> bytes:
    """A masked frame of at most 125 bytes, as clients send."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([0x80 | kind, 0x80 | len(payload)]) + mask + masked


def parsed(body: bytes) -> Mapping[str, Any]:
    try:
        values: Mapping[str, Any] = json.loads(body)
    except ValueError as error:
        raise Broken("an answer of somebody else") from error
    return values
