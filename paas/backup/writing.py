"""Writing: a worker's part of a backup, section by section, to its standard output."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import IO, Any

from paas.backup.archive import Writer
from paas.backup.descriptors import CHUNK, temporary
from paas.backup.head import APP, PLATFORM, AppEntry, Head, LayerEntry
from paas.backup.members import Kind, Member
from paas.backup.orders import settings_of
from paas.backup.report import Report
from paas.backup.sections import DATABASE, LAYERS, REPOSITORIES, Section, chosen
from paas.backup.snapshot import AppState, Rooms, Snapshot, layers_of, taken
from paas.backup.stream import Outlet
from paas.backup.tree import Gone, Notes, Tree
from paas.failpoints import failpoint
from paas.image.record import Record
from paas.model import moments
from paas.settings import Settings
from paas.store.database import HEAD as SCHEMA
from paas.version import VERSION

TELLING = (
    "name", "domain", "uid_base", "slots", "subnet_pool", "subnet_prefix", "ssh_port",
    "http_port", "https_port", "stack_suite",
)  # fmt: skip


def write(order: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Write a backup of the platform, or of order["app"] alone; what is in it."""
    rooms = Rooms.open(settings_of(order))
    outlet = Outlet(1, order["passphrase"], report.alive)
    with (
        closing(rooms.store),
        temporary(rooms.settings.state_dir) as sums,
        taken(rooms, order["app"], order["marks"], order["landing"]) as snapshot,
    ):
        return Writing(rooms, Writer(outlet, sums), snapshot, report, order).run(outlet)


class Writing:
    """One backup being written."""

    def __init__(
        self, rooms: Rooms, writer: Writer, snapshot: Snapshot, report: Report,
        order: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self._rooms = rooms
        self._writer = writer
        self._snapshot = snapshot
        self._report = report
        self._order = order
        self._notes = Notes()
        self._whole_layers: list[str] = []
        self._layers = self._found_layers()

    def run(self, outlet: Outlet) -> dict[str, Any]:
        """Everything in order; a summary."""
        sections = chosen(app_only=self._order["app"] is not None, logs=self._order["logs"])
        self._writer.begin(self._head(sections))
        failpoint("backup.head")
        for section in sections:
            self._section(section)
        failpoint("backup.sections")
        notes = self._notes
        manifest = self._writer.finish(self._whole_layers, notes.left_out, notes.unsteady)
        failpoint("backup.end")
        return {
            "apps": [state.app.name for state in self._snapshot.apps],
            "bytes": outlet.written,
            "sections": {name: asdict(count) for name, count in manifest.sections.items()},
            "layers": len(manifest.layers),
            "left_out": notes.left_out,
            "unsteady": notes.unsteady,
        }

    # -- the head ------------------------------------------------------------------------

    def _found_layers(self) -> dict[str, Record]:
        """Layers to take along, by id, that are here; those whose files others have come too."""
        wanted = [
            layer.id
            for state in self._snapshot.apps
            for layer in layers_of(state, images=self._order["images"])
        ]
        wanted += [layer.id for image in self._snapshot.images for layer in image.layers]
        found: dict[str, Record] = {}
        for name in sorted(wanted):
            record = self._rooms.layers.record(name)
            kept = record and self._rooms.layers.record(record.files_in)
            if record is not None and kept is not None:
                found |= {kept.layer.id: kept, name: record}
        return found

    def _head(self, sections: tuple[Section, ...]) -> Head:
        return Head(
            kind=APP if self._order["app"] else PLATFORM,
            paas=VERSION,
            schema=SCHEMA,
            created_at=moments.iso(datetime.now(UTC)),
            host=socket.gethostname(),
            settings=telling(self._rooms.settings),
            sections=tuple(section.name for section in sections),
            apps=tuple(self._entry(state) for state in self._snapshot.apps),
            layers=tuple(map(entry_of, self._layers.values())),
        )

    def _entry(self, state: AppState) -> AppEntry:
        app, current = state.app, state.current
        if current is None:
            return AppEntry(app.name, app.id, app.slot)
        whole = all(layer.id in self._layers for layer in current.image.layers)
        return AppEntry(
            app.name, app.id, app.slot, current.version, current.image.commit, whole=whole
        )

    # -- sections ------------------------------------------------------------------------

    def _section(self, section: Section) -> None:
        nothing = section.folder and not self._units(section)
        if nothing or (section.name == LAYERS and not self._layers):
            return
        self._report.step(f"Saving {section.words}")
        if section.name == DATABASE:
            self._database()
        elif section.name == REPOSITORIES:
            self._repositories()
        elif section.name == LAYERS:
            self._image_layers(section)
        else:
            self._folder(section)
        count = self._writer.counts().get(section.name)
        if count is not None:
            self._report.detail(f"{count.members:,} entries, {count.bytes >> 20:,} MiB")

    def _database(self) -> None:
        for name, file in self._snapshot.tables.items():
            self._spooled(f"{DATABASE}/{name}.jsonl", file)

    def _repositories(self) -> None:
        for state in self._snapshot.apps:
            if not state.refs:
                continue
            failpoint("backup.repository")
            path = self._rooms.repositories.path(state.app.name)
            with temporary(self._rooms.settings.state_dir) as bundle:
                self._rooms.packing.write(path, state.refs, bundle)
                self._spooled(f"{REPOSITORIES}/{state.app.name}.bundle", bundle)
            if state.shallow:
                name = f"{REPOSITORIES}/{state.app.name}.shallow"
                self._writer.add_bytes(name, state.shallow)

    def _spooled(self, path: str, file: IO[bytes]) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        self._writer.add_file(Member(path, size=size), pieces(file, size))

    def _image_layers(self, section: Section) -> None:
        for name, record in self._layers.items():
            failpoint("backup.layer")
            if record.same_as:
                self._whole_layers.append(name)
                continue
            tree = Tree(self._writer, section.rule, self._notes, still=True)
            base = record.layer.uid_base
            self._writer.add(Member(f"{LAYERS}/{name}", Kind.FOLDER, 0o700, base, base))
            try:
                home = self._rooms.layers.path(record.layer).parent
                tree.copy(home, "files", f"{LAYERS}/{name}")
            except Gone as error:
                self._notes.leave_out(f"{LAYERS}/{name}", error.message)
            else:
                self._whole_layers.append(name)

    def _folder(self, section: Section) -> None:
        folder = self._rooms.settings.state_dir / section.folder
        for name in self._units(section):
            failpoint("backup.folder")
            tree = Tree(self._writer, section.rule, self._notes, grows=section.logs)
            tree.copy(folder, name, section.name)

    def _units(self, section: Section) -> list[str]:
        """What of a section's folder is taken along."""
        folder = self._rooms.settings.state_dir / section.folder
        only = self._order["app"]
        found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
        return [
            name
            for name in found
            if (name in section.files if section.files else not name.startswith("."))
            and only in (None, name)
            and section.rule.takes(folder / name)
        ]


def entry_of(record: Record) -> LayerEntry:
    layer = record.layer
    return LayerEntry(
        layer.id, layer.uid_base, layer.bytes, record.app, record.digest, record.same_as
    )


def telling(settings: Settings) -> dict[str, Any]:
    """The settings that matter where this is restored; none of them is a secret."""
    return {name: getattr(settings, name) for name in TELLING}


def pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """A file's content from where it stands, in chunks."""
    while size:
        chunk = file.read(min(CHUNK, size))
        size -= len(chunk)
        yield chunk
