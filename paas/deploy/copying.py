"""Copying: files between a container and its caller, as tars.

In the container its own tar reads and writes, as the user that runs there: no path of it is
ever followed by us. A caller's own files are packed and unpacked by a child that has made
their folder its root.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from subprocess import DEVNULL
from typing import IO, Self

from paas.command import Child
from paas.console import Console, plain
from paas.deploy import relay
from paas.engines.base import Session, Streams
from paas.errors import PaasError
from paas.model.container import Container
from paas.platform import Platform

PROGRAM = Path(__file__).with_name("copy_child.py")
WORDS_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """A path in a container; relative ones begin where its process does."""

    container: Container
    path: PurePosixPath

    @property
    def whole(self) -> PurePosixPath:
        return PurePosixPath(self.container.spec.cwd) / self.path


def stream_out(platform: Platform, place: Place, console: Console) -> int:
    """A file or directory as a tar on the caller's standard output; tar's exit code.

    PaasError, with nothing written, when there is none.
    """
    if not (passes(platform, place, "-e") or passes(platform, place, "-L")):
        raise PaasError(f"there is no {place.whole} in {place.container.spec.hostname}")
    session = inside(platform, place.container, reading(place.whole))
    return relay.through_pipes(session, console).code


def stream_in(platform: Platform, place: Place, console: Console) -> int:
    """A tar of the caller's standard input into a directory; tar's exit code."""
    session = inside(platform, place.container, writing(place.whole))
    return relay.through_pipes(session, console).code


def take(platform: Platform, place: Place, target: Path, console: Console) -> None:
    """A file or directory to a path of this machine."""
    where, name = (target, place.whole.name) if target.is_dir() else (target.parent, target.name)
    most = str(platform.settings.image_max_bytes)
    argv = ("unpack", str(where), name, most)
    with tempfile.TemporaryFile() as said:
        with Pipe() as pipe:
            child = child_of(platform, argv, said, stdin=pipe.reader)
            with ended_if_fails(child):
                streams = Streams(None, pipe.writer, said.fileno())
                session = started(platform, place, reading(place.whole), streams)
        settle(session, child, said, console, f"{place.whole} was not copied")


def bring(platform: Platform, source: Path, place: Place, console: Console) -> None:
    """A file or directory of this machine to a container."""
    if not os.path.lexists(source):
        raise PaasError(f"there is no {source} here")
    if passes(platform, place, "-d"):
        where, name = place.whole, source.name
    else:
        where, name = place.whole.parent, place.whole.name
    argv = ("pack", str(source.parent), source.name, name)
    with tempfile.TemporaryFile() as said:
        with Pipe() as pipe:
            child = child_of(platform, argv, said, stdout=pipe.writer)
            with ended_if_fails(child):
                streams = Streams(pipe.reader, None, said.fileno())
                session = started(platform, place, writing(where), streams)
        settle(session, child, said, console, f"{source} was not copied")


# -- in the container ------------------------------------------------------------------


def reading(path: PurePosixPath) -> tuple[str, ...]:
    if path.name in ("", ".."):
        return ("tar", "-c", "-f", "-", "-C", str(path), "--", ".")
    return ("tar", "-c", "-f", "-", "-C", str(path.parent), "--", f"./{path.name}")


def writing(path: PurePosixPath) -> tuple[str, ...]:
    return ("tar", "-x", "-f", "-", "--no-same-owner", "-C", str(path))


def inside(platform: Platform, container: Container, argv: tuple[str, ...]) -> relay.Start:
    """A way to start a program in a container."""

    def start(streams: Streams) -> Session:
        try:
            return platform.engine.execute(container.id, argv, {}, streams)
        except PaasError as error:
            if "not found" not in error.message:
                raise
            raise PaasError(
                f"{container.spec.hostname} has no {argv[0]}, which copies need",
                "bring the program with the app's image",
            ) from error

    return start


def started(platform: Platform, place: Place, argv: tuple[str, ...], streams: Streams) -> Session:
    return inside(platform, place.container, argv)(streams)


def passes(platform: Platform, place: Place, check: str) -> bool:
    """Whether a path passes one of test's checks, as the container's own user sees it."""
    session = started(platform, place, ("test", check, str(place.whole)), Streams())
    try:
        status = session.wait()
        return status is not None and status.code == 0
    finally:
        session.close()


# -- here ------------------------------------------------------------------------------


def child_of(
    platform: Platform,
    argv: tuple[str, ...],
    said: IO[bytes],
    *,
    stdin: int = DEVNULL,
    stdout: int = DEVNULL,
) -> Child:
    """The child that packs or unpacks."""
    words = (sys.executable, "-I", "-S", str(PROGRAM), *argv)
    return platform.runner.spawn(words, stdin=stdin, stdout=stdout, stderr=said)


def settle(session: Session, child: Child, said: IO[bytes], console: Console, failed: str) -> None:
    """Wait for both ends; PaasError when one failed, and when the caller left."""

    def end() -> None:
        session.kill()
        with suppress(ProcessLookupError):
            child.kill()

    console.on_cancel(end)
    try:
        status = session.wait()
        code = child.wait()
    finally:
        session.close()
    console.check_cancelled()
    if code or status is None or status.code:
        said.seek(0)
        why = plain(said.read(WORDS_BYTES).decode(errors="replace")).strip().splitlines()
        raise PaasError(f"{failed}: {why[-1] if why else 'its reader or writer was ended'}")


@contextmanager
def ended_if_fails(child: Child) -> Iterator[None]:
    try:
        yield
    except BaseException:
        child.kill()
        child.wait()
        raise


class Pipe:
    """Both ends of a pipe, ours closed once others have them."""

    def __enter__(self) -> Self:
        self.reader, self.writer = os.pipe2(os.O_CLOEXEC)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.reader)
        os.close(self.writer)
