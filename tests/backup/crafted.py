"""A small backup of a platform, made by hand: nothing of it runs, so restores of it are quick."""

import os
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from paas.backup.archive import Writer
from paas.backup.head import PLATFORM, AppEntry, Head, LayerEntry
from paas.backup.members import Kind, Member
from paas.backup.stream import Outlet
from paas.command import Runner
from paas.git.packing import Packing
from paas.git.repositories import Repositories
from paas.model.release import Image, Layer
from paas.settings import Settings
from paas.store import dump
from paas.store.database import HEAD
from paas.store.store import Store
from tests.backup.archives import SETTINGS, content_of
from tests.git.test_packing import git

BASE = 1_000_000_000
SOURCE = "source-0123456789abcdef0123456789abcdef"
SECTIONS = ("database", "repositories", "ssh", "certificates", "volumes", "layers")
Content = list[tuple[Member, bytes]]


@dataclass
class Crafted:
    """The parts of an archive, to be changed before it is written."""

    head: Head
    members: Content
    whole: tuple[str, ...] = (SOURCE,)
    notes: tuple[str, ...] = field(default_factory=tuple)

    def written(self) -> bytes:
        with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as sums:
            writer = Writer(Outlet(file.fileno()), sums)
            writer.begin(self.head)
            for member, content in self.members:
                if member.kind is Kind.FILE:
                    writer.add_file(replace(member, size=len(content)), [content])
                else:
                    writer.add(member)
            writer.finish(self.whole, self.notes, ())
            return content_of(file)

    def without(self, prefix: str) -> "Crafted":
        members = [one for one in self.members if not one[0].path.startswith(prefix)]
        return replace(self, members=members)

    def plus(self, *more: tuple[Member, bytes]) -> "Crafted":
        return replace(self, members=[*self.members, *more])

    def changed(self, path: str, content: bytes) -> "Crafted":
        members = [(one, content if one.path == path else old) for one, old in self.members]
        return replace(self, members=members)


def crafted(settings: Settings, work: Path) -> Crafted:
    """Two apps: down is stopped at v1, calm was never deployed; a layer, a volume, a host key."""
    work.mkdir(parents=True)
    there = replace(settings, state_dir=work / "state", run_dir=work / "run", database_url="")
    there.state_dir.mkdir(mode=0o711)
    for folder in (work, *work.parents[:2]):
        folder.chmod(0o755)
    bundle, commit = repository(there, work)
    rows = database(there, commit)
    apps = (AppEntry("calm", 2, 2), AppEntry("down", 1, 1, 1, commit, whole=True))
    head = Head(
        PLATFORM, "0.1.0", HEAD, "2026-01-31T12:00:00Z", "shop", SETTINGS, SECTIONS, apps,
        (LayerEntry(SOURCE, BASE + 65536, 4096, 1),),
    )  # fmt: skip
    members: Content = [(Member(f"database/{name}.jsonl"), data) for name, data in rows.items()]
    members += [
        (Member("repositories/down.bundle"), bundle),
        (Member("ssh/ed25519"), host_key(work)),
        (Member("certificates/down", Kind.FOLDER, 0o700), b""),
        (Member("certificates/down/server.key"), b"a key"),
        (Member("volumes/data", Kind.FOLDER, 0o755, uid=BASE + 65536, gid=BASE + 65536), b""),
        (Member("volumes/data/file", mode=0o4755, uid=BASE + 65536 + 1000), b"data"),
        *layer(SOURCE, BASE + 65536),
    ]
    return Crafted(head, members)


def layer(name: str, base: int) -> Content:
    folder = Member(f"layers/{name}", Kind.FOLDER, 0o700, base, base)
    return [
        (folder, b""),
        (replace(folder, path=f"{folder.path}/files", mode=0o755), b""),
        (Member(f"{folder.path}/files/page.txt", mode=0o644, uid=base + 1000, gid=base), b"page"),
        (Member(f"{folder.path}/files/gone", Kind.WHITEOUT, 0, base, base), b""),
    ]


def repository(settings: Settings, work: Path) -> tuple[bytes, str]:
    """A bundle with one commit, and the commit."""
    repositories = Repositories(settings, Runner())
    path = repositories.ensure("down")
    checkout = work / "checkout"
    checkout.mkdir()
    git("init", "-q", "-b", "main", cwd=checkout)
    (checkout / "Procfile").write_text("web: python3 -m http.server $PORT\n")
    git("add", ".", cwd=checkout)
    git("commit", "-q", "-m", "first", cwd=checkout)
    git("push", "-q", str(path), "main", cwd=checkout)
    for found in (path, *path.rglob("*")):
        os.chown(found, settings.git_uid, settings.git_uid)
    packing = Packing(settings, Runner())
    refs = packing.refs(path)
    with tempfile.TemporaryFile() as bundle:
        packing.write(path, refs, bundle)
        return content_of(bundle), refs["refs/heads/main"]


def database(settings: Settings, commit: str) -> dict[str, bytes]:
    """Lines of every table."""
    store = Store(settings)
    down = store.apps.create("down")
    store.apps.create("calm")
    image = Image("image", (Layer(SOURCE, BASE + 65536, 4096),),
                  {"web": "python3 -m http.server $PORT"}, commit=commit)  # fmt: skip
    store.releases.succeed(store.releases.cut(down, image, {"A": "b"}, "Deploy", "alice"))
    store.apps.stopped(down, True)
    store.config.set(down, {"A": "b"})
    store.domains.add(down, ["down.example.org"])
    store.properties.set(down, "ps", "in-service", '["abcdefghij"]')
    with store.view():
        found = {name: b"".join(store.dump(name)) for name in dump.tables()}
    store.close()
    return found


def host_key(work: Path) -> bytes:
    from paas.doors.ssh.hostkey import host_key as make

    make(work / "ssh")
    return (work / "ssh" / "ed25519").read_bytes()


def as_json(head: Head) -> dict[str, object]:
    """A head's values, to be changed."""
    return asdict(head)
