"""A container's root filesystem: layers, each shifted to the container's owners, under one upper.

Touches: mounts, through image/mounts. Source: overlayfs.rst ("lowerdir+", 6.8; by
descriptor, 6.13); older kernels get the layers attached beside the target for a moment.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from paas.image import descend, idmap, mounts
from paas.model.container import Mount

# set once the kernel has refused descriptors as overlay options
_by_path_only = False


def mount_rootfs(
    layers: Sequence[tuple[Path, int]],
    uid_base: int,
    upper: Path,
    work: Path,
    target: Path,
) -> None:
    """Mount layers (bottom first, each with the base its files are stored in) under upper.

    Everything appears owned from uid_base on; upper and work must be on one filesystem
    and already owned by uid_base. Raises OSError, with nothing left mounted.
    """
    global _by_path_only  # noqa: PLW0603 - what the kernel can do does not change
    with ExitStack() as stack:
        lowers = [stack.enter_context(lower(path, base, uid_base)) for path, base in layers]
        if not _by_path_only:
            try:
                overlay_by_descriptor(lowers, upper, work, target)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.EBADF):
                    raise
            else:
                return
        overlay_by_path(lowers, upper, work, target)
        _by_path_only = True


def unmount(target: Path) -> None:
    """Unmount everything mounted at target. Idempotent."""
    while mounts.unmount(target):
        pass


def bind(source: Path, target: Path, *, read_only: bool = True) -> None:
    """Show a host path at target, as it is."""
    mounts.bind(source, target, read_only=read_only)


def bind_shifted(mount: Mount, uid_base: int, target: Path) -> None:
    """Show a mount's folder at target, its owners as ids of the range from uid_base on.

    Nothing in it may set an id or be a device, and what is mounted in it is not seen.
    Raises OSError: EINVAL where the filesystem cannot show owners as others.
    """
    ranges = tuple((stored, uid_base + inside, count) for stored, inside, count in mount.ids)
    attributes = ATTRIBUTES | mounts.IDMAP
    attributes |= mounts.READ_ONLY if mount.read_only else 0
    attributes |= mounts.NO_PROGRAMS if mount.no_programs else 0
    with (
        directory(mount.source) as source,
        mounts.opened(descend.beneath(source, mount.beneath or ".")) as folder,
        mounts.opened(mounts.clone_opened(folder)) as tree,
    ):
        mounts.set_attributes(tree, attributes, idmap.shown(ranges))
        mounts.attach(tree, target)


def show(path: Path, stored_base: int, uid_base: int, target: Path) -> None:
    """A layer by itself at target, read-only, its owners shifted."""
    with lower(path, stored_base, uid_base) as tree:
        mounts.attach(tree, target)


@contextmanager
def lower(path: Path, stored_base: int, uid_base: int) -> Iterator[int]:
    """A read-only detached tree of one layer, with its owners shifted."""
    tree = mounts.clone_tree(path)
    with mounts.opened(tree):
        if stored_base == uid_base:
            mounts.set_attributes(tree, mounts.READ_ONLY)
        else:
            namespace = idmap.shift(stored_base, uid_base)
            mounts.set_attributes(tree, mounts.READ_ONLY | mounts.IDMAP, namespace)
        yield tree


ATTRIBUTES = mounts.NO_SETUID | mounts.NO_DEVICES
# an upper becomes a layer of other stacks, so it must not refer to the layers below it
PORTABLE = (("redirect_dir", "off"), ("metacopy", "off"), ("index", "off"))


def overlay_by_descriptor(lowers: Sequence[int], upper: Path, work: Path, target: Path) -> None:
    """One overlay without any name in between (Linux 6.13 and later)."""
    with directory(upper) as upper_fd, directory(work) as work_fd:
        options: list[tuple[str, str | int]] = [("source", "overlay"), *PORTABLE]
        options += [("lowerdir+", fd) for fd in reversed(lowers)]
        options += [("upperdir", upper_fd), ("workdir", work_fd)]
        mounts.mount_filesystem("overlay", target, options, ATTRIBUTES)


def overlay_by_path(lowers: Sequence[int], upper: Path, work: Path, target: Path) -> None:
    """One overlay over layers that are attached next to the target until it stands.

    The overlay keeps its own private copies, so the names may go at once.
    """
    stage = target.with_name(target.name + ".lower")
    stage.mkdir(exist_ok=True)
    with ExitStack() as stack:
        stack.callback(stage.rmdir)
        names = [stack.enter_context(attached(fd, stage / str(n))) for n, fd in enumerate(lowers)]
        lowerdir = ":".join(escaped(name) for name in reversed(names))
        data = f"lowerdir={lowerdir},upperdir={escaped(upper)},workdir={escaped(work)}"
        data += "".join(f",{key}={value}" for key, value in PORTABLE)
        mounts.mount_classic("overlay", target, ATTRIBUTES, data)


@contextmanager
def attached(tree: int, point: Path) -> Iterator[Path]:
    """A detached tree visible at point, for a moment."""
    point.mkdir(exist_ok=True)
    try:
        mounts.attach(tree, point)
        yield point
    finally:
        unmount(point)
        point.rmdir()


@contextmanager
def directory(path: Path) -> Iterator[int]:
    """A descriptor of a directory."""
    with mounts.opened(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as descriptor:
        yield descriptor


def escaped(path: Path) -> str:
    """A path as an overlay mount option."""
    text = str(path)
    for special in "\\:,":
        text = text.replace(special, "\\" + special)
    return text
