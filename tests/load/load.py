"""The load: clients in a process of their own, as on another machine.

They share no interpreter with what is done to the apps meanwhile: they wait for the
platform, never for their own turn. `python -m tests.load.load` is that process: what it is
to do comes as one line of JSON on standard input, whose end is the end; every exchange
goes out as one line.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import IO

from paas import priority
from tests.load.client import Crowd, Mix
from tests.load.record import Exchange, Record
from tests.load.wire import Target

NICE = -10
TOLD_EVERY_S = 0.05
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Load:
    """Clients of some apps; begin, then end. The record grows meanwhile."""

    targets: Mapping[str, tuple[Target, Mix]]
    record: Record = field(default_factory=Record)
    _process: subprocess.Popen[bytes] | None = None
    _reader: threading.Thread | None = None

    def begin(self) -> None:
        argv = [sys.executable, "-m", "tests.load.load"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            argv, cwd=ROOT, stdin=pipe, stdout=pipe, start_new_session=True
        )
        assert self._process.stdin is not None
        order = {app: [asdict(one) for one in pair] for app, pair in self.targets.items()}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, name="load")
        self._reader.start()

    def end(self) -> None:
        """Let every client finish what it has begun."""
        if self._process is None or self._reader is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()
        assert self._process.wait() == 0, "the clients came to grief"

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.record.exchanges.append(Exchange(*json.loads(line)))


# -- the process -----------------------------------------------------------------------------


async def play(crowd: Crowd, out: IO[str]) -> None:
    """The clients, and what became of each exchange, until standard input ends."""
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), end, crowd)
    playing = asyncio.create_task(crowd.play())
    while not playing.done():
        await asyncio.wait({playing}, timeout=TOLD_EVERY_S)
        tell(crowd.record, out)
    await playing


def end(crowd: Crowd) -> None:
    """Nothing more is said on standard input: it is readable because it has ended."""
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    crowd.over = True


def tell(record: Record, out: IO[str]) -> None:
    told = record.exchanges[:]
    del record.exchanges[: len(told)]
    out.writelines(json.dumps(astuple(one)) + "\n" for one in told)
    out.flush()


def main() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    priority.weigh_session(os.getpid(), NICE)
    priority.answer_soon([os.getpid()])
    order = json.loads(sys.stdin.buffer.raw.readline())
    crowd = Crowd({app: (Target(**there), Mix(**mix)) for app, (there, mix) in order.items()})
    asyncio.run(play(crowd, sys.stdout))


if __name__ == "__main__":
    main()
