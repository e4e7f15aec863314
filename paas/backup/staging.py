"""Staging: where a restore is put together beside what is there, and goes into place.

Touches: <state>/restore/<tag>/, the repositories' drafts, and in place() the folders of the
sections, the layers and the repositories. Everything is renamed into place, each part
once: whoever is interrupted does it again and finds what is left to do.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paas.backup.head import STAGED
from paas.backup.sections import BY_NAME, LAYERS, REPOSITORIES, SECTIONS, Section
from paas.failpoints import failpoint
from paas.git.packing import Packing
from paas.image import record as records
from paas.image.durable import remove_tree, sync_directory, sync_filesystem
from paas.image.record import Record
from paas.platform import Platform


@dataclass(frozen=True, slots=True)
class Staging:
    """One restore's folder; tag names it, and everything that belongs to it."""

    tag: str
    path: Path

    @property
    def database(self) -> Path:
        """The archive's database, up to date."""
        return self.path / STAGED

    def section(self, section: Section) -> Path:
        """Where a section's entries are until they are put into place."""
        return self.path / section.name


def root(platform: Platform) -> Path:
    return platform.settings.state_dir / "restore"


def named(platform: Platform, tag: str) -> Staging:
    return Staging(tag, root(platform) / tag)


@contextmanager
def new(platform: Platform) -> Iterator[Staging]:
    """A new folder; it goes with the block unless the restore was decided on (kept)."""
    staging = named(platform, secrets.token_hex(6))
    root(platform).mkdir(mode=0o700, exist_ok=True)
    staging.path.mkdir(mode=0o700)
    try:
        yield staging
    finally:
        if committed(platform) != staging.tag:
            remove(platform, staging)


def remove(platform: Platform, staging: Staging) -> None:
    """Delete what a restore put together and nobody wants any more."""
    remove_tree(staging.path)
    for draft in drafts(platform, staging.tag):
        remove_tree(draft)


def sweep(platform: Platform, keep: str | None) -> None:
    """Delete what interrupted restores left, but of the one that is to be finished."""
    folder = root(platform)
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if path.name != keep:
            remove(platform, Staging(path.name, path))


# -- the decision ------------------------------------------------------------------------

MARK = ("restore", "committed")


def committed(platform: Platform) -> str | None:
    """The tag of the restore that is decided on, and not yet all in place."""
    return platform.store.properties.get(None, *MARK)


def commit(platform: Platform, staging: Staging) -> None:
    """Decide on a restore, within the transaction that brings its rows."""
    platform.store.properties.set(None, *MARK, staging.tag)


# -- putting together --------------------------------------------------------------------


def settle(staging: Staging, incoming: Mapping[str, Record]) -> None:
    """Write what is known of each layer beside its files, and have all of it on the disk."""
    for record in incoming.values():
        home = staging.section(BY_NAME[LAYERS]) / record.layer.id
        home.mkdir(mode=0o700, exist_ok=True)
        (home / records.NAME).write_text(records.encode(record))
    sync_filesystem(staging.path)


def make_repositories(platform: Platform, staging: Staging, names: list[str]) -> None:
    """Drafts of the apps' repositories, filled and checked by git."""
    packing = Packing(platform.settings, platform.runner)
    folder = staging.section(BY_NAME[REPOSITORIES])
    for name in names:
        failpoint("restore.repository")
        draft = platform.repositories.draft(name, staging.tag)
        bundle, shallow = folder / f"{name}.bundle", folder / f"{name}.shallow"
        if bundle.exists():
            with bundle.open("rb") as file:
                packing.read(draft, file, shallow.read_bytes() if shallow.exists() else b"")


def drafts(platform: Platform, tag: str) -> list[Path]:
    """Repositories of a restore that are not in place yet."""
    return sorted(platform.repositories.path("x").parent.glob(f".*.git.{tag}"))


# -- into place --------------------------------------------------------------------------


def place(platform: Platform, staging: Staging) -> None:
    """Put everything where it belongs. May be repeated."""
    place_layers(platform, staging)
    for draft in drafts(platform, staging.tag):
        failpoint("restore.place")
        name = draft.name.removeprefix(".").removesuffix(f".git.{staging.tag}")
        platform.repositories.adopt(draft, name)
    for section in SECTIONS:
        if section.folder:
            place_section(platform, staging, section)


def place_layers(platform: Platform, staging: Staging) -> None:
    folder = staging.section(BY_NAME[LAYERS])
    for home in sorted(folder.iterdir()) if folder.is_dir() else []:
        failpoint("restore.layer")
        platform.layers.receive(home)


def place_section(platform: Platform, staging: Staging, section: Section) -> None:
    """Entries of a folder; what is there already under such a name is set aside, never deleted."""
    target = platform.settings.state_dir / section.folder
    source = staging.section(section)
    entries = sorted(source.iterdir()) if source.is_dir() else []
    if entries:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in entries:
        failpoint("restore.entry")
        goal = target / entry.name
        if goal.exists() and not section.files:
            goal.rename(goal.with_name(f"{goal.name}.before-{staging.tag}"))
        entry.rename(goal)
    if entries:
        sync_directory(target)
