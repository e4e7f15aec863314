"""Folders of the server that apps may have mounted: only those below the roots that are allowed.

Touches: the allowed roots. No link is followed below a root: whoever may write to a folder
there must not lead anybody to another place.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paas.errors import PaasError
from paas.image import descend
from paas.settings import Settings

# nobody's to give away, and nothing below the second ones either
NEVER = ("/", "/home", "/opt", "/srv", "/var", "/var/lib", "/var/tmp", "/tmp")  # noqa: S108 - paths
NEVER_BELOW = (
    *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run"),
    *("/sbin", "/sys", "/usr", "/var/run"),
)
FLAGS = os.O_RDONLY | os.O_DIRECTORY


@dataclass(frozen=True, slots=True)
class Place:
    """A folder below an allowed root."""

    root: Path
    beneath: str

    @property
    def path(self) -> Path:
        return self.root / self.beneath


def located(settings: Settings, text: str) -> Place:
    """A path as a place below an allowed root; PaasError for any other."""
    path = Path(text)
    for root in roots(settings):
        if path.is_relative_to(root):
            return Place(root, str(path.relative_to(root)))
    allowed = ", ".join(map(str, roots(settings))) or "none"
    raise PaasError(
        f"{text} is not below a folder that apps may have mounted: {allowed}",
        "use a volume without a path, or add a folder to the setting storage_roots",
    )


def roots(settings: Settings) -> list[Path]:
    """The allowed roots, the innermost first."""
    found = [Path(one) for one in settings.storage_roots]
    for root in found:
        refuse(settings, root)
    return sorted(found, key=lambda root: len(root.parts), reverse=True)


def refuse(settings: Settings, root: Path) -> None:
    """PaasError for a root that would give away the system, or what is the platform's own."""
    own = (settings.state_dir, settings.run_dir)
    ours = any(root.is_relative_to(one) or one.is_relative_to(root) for one in own)
    systems = any(root.is_relative_to(one) for one in NEVER_BELOW)
    if ours or systems or str(root) in NEVER or not root.is_absolute() or ".." in root.parts:
        raise PaasError(
            f"the setting storage_roots has {root}, which no app may have mounted",
            "give a folder made for this, such as /srv/storage",
        )


@contextmanager
def opened(place: Place) -> Iterator[int]:
    """A descriptor of the folder; PaasError when it is not one."""
    try:
        root = os.open(place.root, FLAGS | os.O_CLOEXEC)
    except OSError as error:
        raise PaasError(f"{place.root} cannot be opened: {error.strerror}") from error
    try:
        try:
            folder = descend.beneath(root, place.beneath or ".", FLAGS)
        except OSError as error:
            raise PaasError(
                f"{place.path} is not a folder that can be mounted: {error.strerror}",
                "make it first: storage:create NAME PATH makes what is missing",
            ) from error
        try:
            yield folder
        finally:
            os.close(folder)
    finally:
        os.close(root)


def ensure(place: Place) -> bool:
    """Make what is missing of a folder below its root, and the root; whether it is new."""
    place.root.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = os.open(place.root, FLAGS | os.O_CLOEXEC)
    new = False
    try:
        for name in Path(place.beneath).parts:
            below, new = entered(folder, name, place)
            os.close(folder)
            folder = below
    finally:
        os.close(folder)
    return new


def entered(folder: int, name: str, place: Place) -> tuple[int, bool]:
    """A folder in an open one, made if it is missing; PaasError for a link or a file."""
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
        new = True
    except FileExistsError:
        new = False
    try:
        return descend.beneath(folder, name, FLAGS), new
    except OSError as error:
        raise PaasError(f"{place.path} cannot be made: {name}: {error.strerror}") from error
