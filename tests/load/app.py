"""The app under load: every answer says which app, release and process gave it.

Pushed as it is (see APP_FILES in stage.py): standard library only, one event loop. It
knows no grace: SIGTERM ends it at once, so whatever the platform cuts short is seen.

    GET  /                 a quick page
    GET  /poll?seconds=25  an answer after that long
    POST /upload           how many bytes came, and their SHA-256
    GET  /socket           a websocket: a greeting, then every text comes back
    POST /crash            the process ends without an answer
"""

import asyncio
import base64
import hashlib
import json
import os
import secrets
import struct
from urllib.parse import parse_qs, urlsplit

WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
IDENTITY = {
    "app": os.environ.get("PAAS_APP", ""),
    "release": int(os.environ.get("PAAS_RELEASE", "v0").lstrip("v")),
    "process": f"{os.environ.get('DYNO', '')}/{os.getpid()}/{secrets.token_hex(4)}",
    "marker": os.environ.get("MARKER", ""),
}


async def serve(reader, writer):
    """One connection, request after request."""
    try:
        while head := await read_head(reader):
            method, target, headers = head
            if headers.get("upgrade", "").lower() == "websocket":
                await websocket(reader, writer, headers)
                return
            body = await answer(method, target, headers, reader)
            keep = headers.get("connection", "").lower() != "close"
            await write_answer(writer, body, keep=keep)
            if not keep:
                return
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def read_head(reader):
    """Method, target and headers of the next request; None when there is none."""
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = text.split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    return method, target, {name.lower(): value.strip() for name, _, value in pairs}


async def answer(method, target, headers, reader):
    url = urlsplit(target)
    if url.path == "/poll":
        await asyncio.sleep(float(parse_qs(url.query)["seconds"][0]))
    if method != "POST":
        return {}
    if url.path == "/crash":
        os._exit(3)
    return await sink(reader, int(headers.get("content-length", 0)))


async def sink(reader, count):
    digest, left = hashlib.sha256(), count
    while left:
        part = await reader.read(min(left, 1 << 18))
        if not part:
            raise ConnectionResetError
        digest.update(part)
        left -= len(part)
    return {"bytes": count, "sha256": digest.hexdigest()}


async def write_answer(writer, body, *, keep):
    text = json.dumps({**IDENTITY, **body}).encode()
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    writer.write(head.encode() + text)
    await writer.drain()


async def websocket(reader, writer, headers):
    key = hashlib.sha1(headers["sec-websocket-key"].encode() + WEBSOCKET_KEY).digest()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(key) + b"\r\n\r\n"
    )
    writer.write(frame(TEXT, json.dumps(IDENTITY).encode()))
    while True:
        kind, payload = await read_frame(reader)
        writer.write(frame(PONG if kind == PING else kind, payload))
        await writer.drain()
        if kind == CLOSE:
            return


def frame(kind, payload):
    """An unmasked frame, as servers send. RFC 6455, 5.2."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    return bytes([0x80 | kind]) + length + payload


async def read_frame(reader):
    """One masked frame of a client, at most 64 KiB."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))


async def main():
    port = int(os.environ["PORT"])
    server = await asyncio.start_server(serve, "0.0.0.0", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
