"""Import: contents and their names become git's objects, by git fast-import.

Source: git-fast-import(1). Nothing is written under a name of the archive.
"""

import subprocess
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from lifecycle.say import Failure

from sources import repository

REF = "refs/heads/import"
HEAD = f"commit {REF}\ncommitter x <x> 0 +0000\ndata 0\n\ndeleteall\n"


class Importer:
    """One git fast-import, from its begin to the tree of all that it was given."""

    def __enter__(self) -> Self:
        self._child = repository.start(("fast-import", "--quiet", "--done"), stdin=subprocess.PIPE)
        self._marks = 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.kill()
        with self._child:
            self._child.stdin = None

    def blob(self, size: int, pieces: Iterator[bytes]) -> int:
        """Take a content of so many bytes; the mark it is known by."""
        self._marks += 1
        self._say(f"blob\nmark :{self._marks}\ndata {size}\n".encode())
        left = size
        for piece in pieces:
            left -= len(piece)
            self._say(piece)
        if left:
            raise Failure("a file of the archive is not as long as the archive says")
        self._say(b"\n")
        return self._marks

    def tree(self, files: Mapping[str, tuple[str, int]]) -> str:
        """The tree of contents taken before, by path with mode and mark."""
        self._say(HEAD.encode())
        for path, (mode, mark) in files.items():
            self._say(f"M {mode} :{mark} ".encode() + quoted(path) + b"\n")
        self._say(b"done\n")
        assert self._child.stdin is not None
        self._child.stdin.close()
        if self._child.wait():
            raise self._why()
        return repository.tree_of(REF)

    def _say(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
        except BrokenPipeError:
            raise self._why() from None

    def _why(self) -> Failure:
        assert self._child.stderr is not None
        said = self._child.stderr.read().decode(errors="replace")
        return Failure(f"the archive does not make a commit: {repository.reason(said)}")


def quoted(path: str) -> bytes:
    """A path as fast-import has it: between quotes, every odd byte as three octal digits."""
    data = path.encode(errors="surrogateescape")
    plain = (
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in data
    )
    return f'"{"".join(plain)}"'.encode()
