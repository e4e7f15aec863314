"""Errands: slow work on whole trees of files, in a child that leaves disk and processors to others.

Touches: one child (image/errand), through the Runner. In the daemon such work would hold
the interpreter's lock, which low priority makes worse, not better.
"""

import json
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paas.command import Child, Runner
from paas.errors import PaasError

PROGRAM = Path(__file__).with_name("errand.py")
IN_THE_BACKGROUND = ("nice", "-n", "19", "ionice", "-c", "3")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a tree takes. own_bytes: what is free once it is deleted (files may have other names).

    newest: when something in it last changed. whole: False for one that has no end.
    """

    bytes: int = 0
    own_bytes: int = 0
    entries: int = 0
    newest: float = 0.0
    whole: bool = True


class Errands:
    """Does errands one after the other; its child is started for the first and ends with the block.

    hurry: somebody waits for it.
    """

    def __init__(self, runner: Runner, *, hurry: bool = False) -> None:
        self._runner = runner
        self._argv = (*(() if hurry else IN_THE_BACKGROUND), sys.executable, "-I", "-S")
        self._child: Child | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        child = self._child
        if child is not None:
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with suppress(OSError):  # a word that nobody hears any more
                        stream.close()

    def stop(self) -> None:
        """End the child at once; what it was doing is left as it is. For any thread."""
        self._stopped = True
        if self._child is not None:
            self._child.kill()

    def measure(self, *paths: Path) -> Measure:
        """How much trees (or files) take together; what is not there takes nothing.

        Raises OSError where something is mounted in one.
        """
        return Measure(**self._do("measure", *paths))

    def digest(self, path: Path, uid_base: int) -> str:
        """The digest of a layer's content."""
        return str(self._do("digest", path, uid_base=uid_base))

    def inventory(self, path: Path) -> dict[str, Any]:
        """The packages in a layer (image/inventory); OSError when it cannot be read."""
        found: dict[str, Any] = self._do("inventory", path)
        return found

    def remove(self, path: Path) -> None:
        """Delete a tree (or file); OSError when something in it cannot be, or is mounted upon."""
        self._do("remove", path)

    def _do(self, what: str, *paths: Path, **more: int) -> Any:
        line = json.dumps({"what": what, "paths": [str(path) for path in paths], **more}) + "\n"
        with self._lock:
            answer = self._asked(line.encode())
        if not answer:
            raise PaasError(f"the child that was to {what} {len(paths)} trees has ended")
        found = json.loads(answer)
        if "error" in found:
            raise OSError(found["number"], found["error"])
        return found["value"]

    def _asked(self, line: bytes) -> bytes:
        """The child's answer to a line; nothing when it has ended."""
        child = self._started()
        try:
            if child.stdin is None or child.stdout is None:
                return b""
            child.stdin.write(line)
            child.stdin.flush()
            return child.stdout.readline()
        except (OSError, ValueError):
            return b""

    def _started(self) -> Child:
        if self._stopped:
            raise PaasError("errands are over")
        if self._child is None:
            argv = (*self._argv, str(PROGRAM))
            self._child = self._runner.spawn(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if self._stopped:  # while it was being started: stop found nobody to end
                self._child.kill()
        return self._child
