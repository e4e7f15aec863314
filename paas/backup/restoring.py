"""Restoring: an archive is checked whole, put together beside what is there, and decided on.

The decision is one transaction of the database. Before it nothing has changed but names
that are kept free; after it the rest is finished by whoever comes, this daemon or the next.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace

from paas.backup import plan, staging
from paas.backup.adapting import Adapting
from paas.backup.finishing import TURNS, finish
from paas.backup.head import AppEntry, Checked, Head, Manifest
from paas.backup.plan import Layers, Wanted
from paas.backup.staging import Staging
from paas.backup.worker import Files, work
from paas.console import Console
from paas.deploy import arriving
from paas.deploy.notes import noted
from paas.errors import PaasError, of_disk
from paas.failpoints import failpoint
from paas.model.app import App
from paas.platform import Platform
from paas.store.intake import Intake
from paas.store.store import Store

log = logging.getLogger(__name__)

ANY = 1 << 62


@dataclass(frozen=True, slots=True)
class Restored:
    """What came: apps by their name here, what was left out of it, and what the archive is."""

    apps: tuple[str, ...]
    told: tuple[str, ...]
    checked: Checked


def restore(
    platform: Platform, archive: int, wanted: Wanted, console: Console, actor: str
) -> Restored:
    """Bring back what is wanted of an archive, all of it or nothing; the apps are not up yet."""
    platform.disk.admit("the restore")
    if wanted.whole:
        plan.refuse_apps(platform)
    words = "Restore" if wanted.whole else f"Import {wanted.name or wanted.app or ''}".strip()
    with (
        TURNS.hold("", console, "another restore"),
        noted(platform, "", actor, "backup", words) as note,
    ):
        with staging.new(platform) as place:
            done = Restoring(platform, place, archive, wanted, console).run()
        note.detail = f"{words}: {', '.join(done.apps) or 'no app'}"
        put_into_place(platform)
    return done


def put_into_place(platform: Platform) -> None:
    """Finish what was decided; PaasError that says what becomes of it when that fails."""
    try:
        finish(platform)
    except (OSError, PaasError) as error:
        reason = of_disk(error) if isinstance(error, OSError) else error
        raise PaasError(
            f"it is restored, but not all in place yet: {reason or error}",
            "free some space if that is short; the rest is done by itself within a minute",
        ) from error


def verify(platform: Platform, archive: int, passphrase: str | None, console: Console) -> Checked:
    """Read an archive to its end, and see that its database fits together; PaasError if not."""
    with staging.new(platform) as place:
        return checked(platform, place, archive, passphrase, (ANY, ANY, ANY), console)


def checked(
    platform: Platform,
    place: Staging,
    archive: int,
    passphrase: str | None,
    bounds: tuple[int, int, int],
    console: Console,
) -> Checked:
    """The archive, found whole by a worker that left its database in the staging folder."""
    order = {"passphrase": passphrase, "staging": str(place.path), "bounds": bounds}
    found = work(platform, "check", order, console, Files(archive=archive))
    head = Head.decode(json.dumps(found["head"]).encode())
    return Checked(head, Manifest.decode(json.dumps(found["manifest"]).encode()))


def room(platform: Platform, *, trusted_holes: bool) -> tuple[int, int, int]:
    """What there is room for: bytes, bytes with holes filled, entries."""
    found = os.statvfs(platform.settings.state_dir)
    free = max(0, found.f_bavail * found.f_frsize - platform.settings.disk_full_bytes)
    return free, ANY if trusted_holes else free, found.f_favail or ANY


@dataclass(frozen=True, slots=True)
class Restoring:
    """One restore, from the archive to the decision."""

    platform: Platform
    place: Staging
    archive: int
    wanted: Wanted
    console: Console

    def run(self) -> Restored:
        """Check, reserve, unpack, decide."""
        wanted = self.wanted
        bounds = room(self.platform, trusted_holes=wanted.trusted_holes)
        found = checked(
            self.platform, self.place, self.archive, wanted.passphrase, bounds, self.console
        )
        failpoint("restore.checked")
        coming = plan.coming(self.platform, found.head, wanted)
        with closing(self._staged()) as staged, self._reserved(coming) as apps:
            failpoint("restore.reserved")
            layers = plan.layers(self.platform, found, staged, apps, whole=wanted.whole)
            self._unpack(found.head, dict_of(coming), apps, layers)
            failpoint("restore.unpacked")
            staging.make_repositories(self.platform, self.place, [name for _, name in coming])
            staging.settle(self.place, layers.incoming)
            adapting = Adapting(self.platform, layers, apps, wanted)
            self._decide(adapting)
        return Restored(tuple(name for _, name in coming), tuple(adapting.told), found)

    def _staged(self) -> Store:
        """The archive's database, as a store of its own."""
        url = f"sqlite:///{self.place.database}"
        return Store(replace(self.platform.settings, database_url=url))

    @contextmanager
    def _reserved(self, coming: tuple[tuple[AppEntry, str], ...]) -> Iterator[dict[int, App]]:
        """The coming apps' rows here, by their id there; taken back when nothing is decided."""
        apps: dict[int, App] = {}
        whole = self.wanted.whole
        try:
            with self.platform.store.together():
                for entry, name in coming:
                    id_, slot = (entry.id, entry.slot) if whole else (None, None)
                    apps[entry.id] = arriving.reserve(
                        self.platform, name, self.place.tag, id_, slot
                    )
            yield apps
        except BaseException:
            if staging.committed(self.platform) != self.place.tag:
                for app in apps.values():
                    turn_back(self.platform, app, self.place.tag)
                raise
            log.exception("what failed came after the decision")

    def _unpack(
        self, head: Head, names: Mapping[str, str], apps: Mapping[int, App], layers: Layers
    ) -> None:
        move = plan.move_of(head, self.platform.settings, apps)
        order = {
            "passphrase": self.wanted.passphrase,
            "staging": str(self.place.path),
            "bounds": room(self.platform, trusted_holes=True),
            "whole": self.wanted.whole,
            "of_root": self.wanted.of_root,
            "apps": names,
            "layers": {name: record.layer.id for name, record in layers.incoming.items()},
            "move": asdict(replace(move, layers=layers.bases(head))),
        }
        work(self.platform, "unpack", order, self.console, Files(archive=self.archive))

    def _decide(self, adapting: Adapting) -> None:
        """The one durable step: from here on, what comes is here."""
        self.console.check_cancelled()
        failpoint("restore.decide")
        ids = {there: app.id for there, app in adapting.apps.items()}
        intake = Intake(ids, adapting.row, whole=self.wanted.whole)
        store = self.platform.store
        with store.together():
            store.take_from(self.place.database, intake)
            staging.commit(self.platform, self.place)
            for app in adapting.apps.values():
                words = "" if self.wanted.whole else f"Import of {app.name}"
                arriving.decided(self.platform, app, words)
        failpoint("restore.decided")


def dict_of(coming: tuple[tuple[AppEntry, str], ...]) -> dict[str, str]:
    return {entry.name: name for entry, name in coming}


def turn_back(platform: Platform, app: App, tag: str) -> None:
    """Take a name back; what cannot be removed now, the next start or patrol removes."""
    try:
        if arriving.tag_of(platform, app) == tag:
            arriving.turn_back(platform, app)
    except Exception:
        log.exception("app %s could not be taken back at once", app.name)
