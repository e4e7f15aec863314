"""Loop devices: files as block devices, each file through one device alone.

Touches: /dev/loop* and /sys/block. Source: loop(4). Errors are OSError. A filesystem outlives
its unmounting for as long as any mount namespace has a copy of the mount, such as that of a
container that is just being made: a second device over its file would write over it.
"""

import errno
import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paas.image.mounts import opened

SET_CAPACITY, CONFIGURE, GET_FREE, GET_STATUS = 0x4C07, 0x4C0A, 0x4C82, 0x4C05
FLAGS = 4 | 16  # free itself when unused; direct I/O, so that nothing is cached twice
CONFIG_SIZE, STATUS_SIZE = 304, 232
LOOK_EVERY_S = 0.02


@contextmanager
def loop_device(image: Path) -> Iterator[Path]:
    """A loop device over image; it frees itself when its last mount goes, or at the end here."""
    with opened(os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)) as control:
        while (device := configured(fcntl.ioctl(control, GET_FREE), image)) is None:
            continue
    path, descriptor = device
    with opened(descriptor):
        yield path


@contextmanager
def only_device(image: Path) -> Iterator[Path]:
    """The loop device that is over image already, or a new one."""
    with existing(image) as path:
        if path is not None:
            yield path
            return
    with loop_device(image) as path:
        yield path


@contextmanager
def existing(image: Path) -> Iterator[Path | None]:
    """The device over image, which stays for the block; None when there is none."""
    place = image.stat()
    for backed in Path("/sys/block").glob("loop*/loop/backing_file"):
        path = Path("/dev", backed.parts[3])
        with opened(os.open(path, os.O_RDWR | os.O_CLOEXEC)) as descriptor:
            if status(descriptor) == (place.st_dev, place.st_ino):
                yield path
                return
    yield None


def status(descriptor: int) -> tuple[int, int] | None:
    """Device and inode of the file behind a loop device; None when it has none by now."""
    buffer = bytearray(STATUS_SIZE)
    try:
        fcntl.ioctl(descriptor, GET_STATUS, buffer)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise
    device, inode = struct.unpack_from("QQ", buffer)
    return device, inode


def let_go(image: Path, patience_s: float) -> bool:
    """Whether no device is over image any more, all of it written; waits for that."""
    deadline = time.monotonic() + patience_s
    while True:
        with existing(image) as path:
            if path is None:
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)


def grown(device: Path) -> None:
    """Have a loop device notice that its file has grown."""
    with opened(os.open(device, os.O_RDWR | os.O_CLOEXEC)) as descriptor:
        fcntl.ioctl(descriptor, SET_CAPACITY)


def configured(number: int, image: Path) -> tuple[Path, int] | None:
    """Loop device `number` over image, opened; None when somebody else took it first."""
    path = Path(f"/dev/loop{number}")
    with opened(os.open(path, os.O_RDWR | os.O_CLOEXEC)) as device:
        with opened(os.open(image, os.O_RDWR | os.O_CLOEXEC)) as backing:
            name = os.fsencode(image)[-63:]
            head = struct.pack("IIQQQQQIIII64s", backing, 0, 0, 0, 0, 0, 0, 0, 0, 0, FLAGS, name)
            try:
                fcntl.ioctl(device, CONFIGURE, head.ljust(CONFIG_SIZE, b"\0"))
            except OSError as error:
                if error.errno == errno.EBUSY:
                    return None
                raise
        return path, os.dup(device)
