"""Export: an image of ours as a layout or an archive that every other tool takes.

Layers are packed by children, once and for all: the same image gives the same bytes.
"""

import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from paas.deploy.images import history
from paas.deploy.workshop import BUILDPACKS
from paas.errors import PaasError
from paas.image import pack, tars
from paas.model import oci_export
from paas.model.image import Step
from paas.model.oci_export import Attach, Tar
from paas.model.release import Image, Layer
from paas.platform import Platform

LAUNCHER = "launch"


@dataclass(frozen=True, slots=True)
class Layout:
    """An OCI layout on disk with one image in it, which is `docker load`'s archive as well."""

    root: Path
    tars: tuple[Tar, ...]

    def files(self) -> list[str]:
        """Its files in the order in which an archive has them: descriptions first."""
        found = [path for path in self.root.rglob("*") if path.is_file()]
        names = [path.relative_to(self.root).as_posix() for path in found]
        return sorted(names, key=lambda name: ("/" in name, name))


@contextmanager
def laid_out(
    platform: Platform,
    image: Image,
    name: str,
    *,
    created: str = oci_export.EPOCH,
    without: Collection[str] = (),
    said: Callable[[str], None] = lambda _: None,
    attach: Attach = oci_export.nothing,
) -> Iterator[Layout]:
    """The image as a layout under a name, for the length of the block.

    without: digests of layers that need not be in it, since whoever gets it has them.
    attach: documents to go with it.
    """
    owner = f"export-{secrets.token_hex(6)}"
    draft = platform.layers.new_upper(0)
    try:
        platform.layers.hold(owner, image.layers)
        made = [packed(platform, image, layer, draft, without, said) for layer in image.layers]
        if image.config is None:
            made.append(launcher(draft))
        for path, data in oci_export.documents(image, made, name, created, attach).items():
            target = draft / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        yield Layout(draft, tuple(made))
    finally:
        platform.layers.let_go(owner)
        platform.layers.discard(draft)


def packed(
    platform: Platform,
    image: Image,
    layer: Layer,
    root: Path,
    without: Collection[str],
    said: Callable[[str], None],
) -> Tar:
    """One layer, packed into its place unless it is not wanted there."""
    step = history.of(image, layer)
    known = tars.known(platform.layers, layer)
    if known is not None and known.diff_id in without:
        return Tar(known.diff_id, known.bytes, step)
    said(f"Packing {step.words[:100]}")
    draft = root / secrets.token_hex(6)
    made = tars.write(platform.layers, platform.runner, layer, draft)
    place(draft, root, made.diff_id)
    return Tar(made.diff_id, made.bytes, step)


def place(draft: Path, root: Path, digest: str) -> None:
    target = root / oci_export.blob(digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.rename(target)


def launcher(root: Path) -> Tar:
    """A layer with what starts an app's processes, which here comes with the container."""
    draft = root / secrets.token_hex(6)
    with draft.open("wb") as file:
        made = pack_launcher(file, (BUILDPACKS / "launch").read_bytes())
    place(draft, root, made.diff_id)
    step = Step("what starts the app's processes", LAUNCHER)
    return Tar(made.diff_id, made.bytes, step)


def pack_launcher(file: BinaryIO, script: bytes) -> pack.Packed:
    counted = pack.Counted(file)
    with tarfile.open(fileobj=counted, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        folder, entry = tarfile.TarInfo(".paas"), tarfile.TarInfo(oci_export.LAUNCH.lstrip("/"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        entry.size, entry.mode = len(script), 0o755
        tar.addfile(folder)
        tar.addfile(entry, io.BytesIO(script))
    return counted.packed


# -- archives --------------------------------------------------------------------------------


def write_archive(layout: Layout, write: Callable[[bytes], None]) -> None:
    """The layout as one tar: what `docker load`, podman, skopeo and images:import take."""
    with tarfile.open(fileobj=Written(write), mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name in layout.files():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = (layout.root / name).stat().st_size, 0o644
            with (layout.root / name).open("rb") as file:
                tar.addfile(entry, file)


class Written(io.RawIOBase):
    """A file to write to whose bytes a function takes."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._write(data)
        return len(data)


def write_file(layout: Layout, target: Path) -> None:
    """The archive as a new file of the host, for its owner alone."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise PaasError(f"{target} exists already", "name a file that does not") from error
    with os.fdopen(descriptor, "wb") as file:
        write_archive(layout, lambda data: void(file.write(data)))


def void(_: object) -> None:
    """What nobody asks for."""


def copy_layout(layout: Layout, target: Path) -> None:
    """The layout as a new directory of the host."""
    if target.exists():
        raise PaasError(f"{target} exists already", "name a directory that does not")
    shutil.copytree(layout.root, target)
