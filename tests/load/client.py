"""The clients: several kinds at once, none of which retries, all of which check.

Every answer is checked for its status, its app and its release: a request sent after
somebody saw release 7 must not be answered by release 6.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.load.record import Exchange, Record
from tests.load.wire import Broken, Connection, Target

LATE_AFTER_S = 30.0
CHUNK = bytes(range(256)) * 256


@dataclass(frozen=True, slots=True)
class Mix:
    """How many clients of each kind, and what they do. Times in seconds, sizes in bytes."""

    new: int = 4
    kept: int = 4
    post: int = 2
    sockets: int = 4
    polls: int = 4
    uploads: int = 1
    pause_s: float = 0.08  # between the requests of one quick client
    echo_every_s: float = 0.25
    socket_s: float = 30.0  # the longest session
    poll_s: float = 25.0
    upload_bytes: int = 100 << 20
    upload_bytes_per_s: int = 20 << 20


NEIGHBOUR = Mix(new=1, kept=1, post=1, sockets=0, polls=0, uploads=0)


@dataclass(slots=True)
class Crowd:
    """Clients of some apps, and what they have seen: the newest release of each."""

    targets: Mapping[str, tuple[Target, Mix]]
    record: Record = field(default_factory=Record)
    floor: dict[str, int] = field(default_factory=dict)
    over: bool = False

    async def play(self) -> None:
        """Until it is over, and every client has finished what it had begun."""
        async with asyncio.TaskGroup() as group:
            for app, (target, mix) in self.targets.items():
                for client in self._clients(app, target, mix):
                    group.create_task(client)

    def _clients(self, app: str, target: Target, mix: Mix) -> list[Any]:
        one = Client(self, app, target, mix)
        return [
            *(one.again(one.new) for _ in range(mix.new)),
            *(one.again(one.kept) for _ in range(mix.kept)),
            *(one.again(one.post) for _ in range(mix.post)),
            *(one.again(one.session) for _ in range(mix.sockets)),
            *(one.again(one.poll) for _ in range(mix.polls)),
            *(one.again(one.upload) for _ in range(mix.uploads)),
        ]


@dataclass(slots=True)
class Client:
    """The kinds of client; each method is one connection's life."""

    crowd: Crowd
    app: str
    target: Target
    mix: Mix

    async def again(self, life: Callable[[], Awaitable[None]]) -> None:
        """One life after another; a failed one is in the record already."""
        await asyncio.sleep(random.random() * self.mix.pause_s)
        while not self.crowd.over:
            with suppress(Broken):
                await life()
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self.mix.pause_s * random.uniform(0.5, 1.5))

    # -- lives -----------------------------------------------------------------------

    async def new(self) -> None:
        """A connection for one request, connecting included in its time."""

        async def exchange() -> Mapping[str, Any]:
            connection = await Connection.open(self.target)
            try:
                return await connection.get("/", keep=False)
            finally:
                connection.close()

        await self.timed("new", exchange)

    async def kept(self) -> None:
        """A connection for many requests."""
        connection = await self._open("kept")
        try:
            for _ in range(random.randrange(50, 500)):
                await self.timed("kept", lambda: connection.get("/"))
                if self.crowd.over:
                    return
                await self._pause()
        finally:
            connection.close()

    async def post(self) -> None:
        """A connection for many small POSTs, which no proxy may send twice."""
        connection = await self._open("post")
        try:
            for _ in range(random.randrange(50, 500)):
                await self.timed("post", lambda: self._sent(connection, 2000))
                if self.crowd.over:
                    return
                await self._pause()
        finally:
            connection.close()

    async def session(self) -> None:
        """A websocket with an echo now and then, closed by us."""
        connection = await self._open("socket")
        try:
            await self.timed("socket", lambda: connection.upgrade("/socket"))
            until = time.monotonic() + self.mix.socket_s * random.random()
            while time.monotonic() < until and not self.crowd.over:
                text = str(random.random()).encode()
                await self.timed("echo", partial(connection.echo, text))
                await asyncio.sleep(self.mix.echo_every_s)
            await self.timed("goodbye", connection.end)
        finally:
            connection.close()

    async def poll(self) -> None:
        """A request that is answered much later."""
        connection = await self._open("poll")
        try:
            seconds = self.mix.poll_s
            await self.timed("poll", lambda: connection.get(f"/poll?seconds={seconds}"), seconds)
        finally:
            connection.close()

    async def upload(self) -> None:
        """A large upload at the speed of a line, checked by size and hash."""
        connection = await self._open("upload")
        count, pace = self.mix.upload_bytes, self.mix.upload_bytes_per_s
        try:
            await self.timed("upload", lambda: self._sent(connection, count, pace), count / pace)
        finally:
            connection.close()

    # -- exchanges -------------------------------------------------------------------

    async def _open(self, kind: str) -> Connection:
        began = time.monotonic()
        try:
            return await Connection.open(self.target)
        except Broken as problem:
            self._note(kind, began, {}, str(problem))
            raise

    async def _sent(
        self, connection: Connection, count: int, pace: int | None = None
    ) -> Mapping[str, Any]:
        digest = hashlib.sha256()
        answer = await connection.post("/upload", count, parts(count, digest, pace))
        if (answer.get("bytes"), answer.get("sha256")) != (count, digest.hexdigest()):
            raise Broken("another body arrived")
        return answer

    async def timed(
        self,
        kind: str,
        exchange: Callable[[], Awaitable[Mapping[str, Any] | None]],
        asked_s: float = 0.0,
    ) -> None:
        """One exchange, checked and noted; raises Broken once it is noted."""
        floor, began = self.crowd.floor.get(self.app, 0), time.monotonic()
        answer: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(asked_s + LATE_AFTER_S):
                answer = await exchange() or {}
            self._check(answer, floor)
        except (Broken, TimeoutError) as problem:
            self._note(kind, began, answer, str(problem) or "no answer in time")
            raise Broken(str(problem)) from problem
        self._note(kind, began, answer, asked_s=asked_s)

    def _check(self, answer: Mapping[str, Any], floor: int) -> None:
        if not answer:
            return  # an echo: its connection has been checked
        if answer.get("app") != self.app:
            raise Broken("wrong app")
        release = int(answer["release"])
        if release < floor:
            raise Broken(f"release went back from v{floor} to v{release}")
        self.crowd.floor[self.app] = max(self.crowd.floor.get(self.app, 0), release)

    def _note(
        self,
        kind: str,
        began: float,
        answer: Mapping[str, Any],
        failure: str = "",
        asked_s: float = 0.0,
    ) -> None:
        self.crowd.record.exchanges.append(
            Exchange(
                kind,
                self.app,
                began,
                max(0.0, time.monotonic() - began - asked_s),
                failure,
                int(answer.get("release", 0)),
                str(answer.get("process", "")),
            )
        )


async def parts(count: int, digest: Any, pace: int | None) -> AsyncIterator[bytes]:
    """count bytes, no faster than pace bytes a second, hashed on the way."""
    began, sent = time.monotonic(), 0
    while sent < count:
        part = CHUNK[: count - sent]
        digest.update(part)
        sent += len(part)
        yield part
        if pace:
            await asyncio.sleep(max(0.0, began + sent / pace - time.monotonic()))
