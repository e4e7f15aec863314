"""The store: what should be, kept durably; every room asks here, none writes SQL itself."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from paas.model.app import App
from paas.settings import Settings
from paas.store import dump
from paas.store import intake as intake_
from paas.store.acme_accounts import AcmeAccounts
from paas.store.apps import Apps
from paas.store.buildpacks import Buildpacks
from paas.store.builds import Builds
from paas.store.certificates import Certificates
from paas.store.config import Config, build_config
from paas.store.copies import Copies
from paas.store.database import Database
from paas.store.docker_options import DockerOptions
from paas.store.domains import Domains
from paas.store.events import Events
from paas.store.formation import Formations
from paas.store.http_auth import HttpAuth
from paas.store.images import NamedImages
from paas.store.intake import Intake
from paas.store.jobs import Jobs
from paas.store.keys import Keys
from paas.store.limits import ResourceLimits
from paas.store.networks import SharedNetworks
from paas.store.pages import Pages
from paas.store.plugins import Plugins
from paas.store.ports import Ports
from paas.store.process_states import ProcessStates
from paas.store.properties import Properties
from paas.store.redirects import Redirects
from paas.store.registries import RegistryLogins
from paas.store.releases import Releases
from paas.store.secrets import Secrets
from paas.store.stacks import Stacks
from paas.store.standins import StandIns
from paas.store.volumes import Volumes


def migrate_apart(settings: Settings) -> None:
    """Bring the database up to date in a child, so that Alembic does not stay in our memory.

    Call it before the process has threads. A failure shows again, with its reason, when
    the store is opened.
    """
    child = os.fork()
    if child == 0:
        try:
            Store(settings).close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def rows_in(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table and row of a database file that is up to date; here all tables are known."""
    return dump.rows(path)


def database_file(settings: Settings) -> Path | None:
    """Where the database is; None when a server has it."""
    if settings.database_url:
        path = settings.database_url.removeprefix("sqlite:///")
        return None if path == settings.database_url else Path(path)
    return settings.state_dir / "paas.db"


class Store:
    """One database, one attribute for each group of tables; for any thread."""

    def __init__(self, settings: Settings) -> None:
        """Open the instance's database, making or migrating it if need be."""
        path = database_file(settings)
        url = settings.database_url or f"sqlite:///{path}"
        self.copies = Copies(path) if path else None
        self._database = Database(url)
        self.apps = Apps(self._database, settings.slots)
        self.config = Config(self._database)
        self.standins = StandIns(self._database)
        self.stacks = Stacks(self._database)
        self.build_config = Config(self._database, build_config)
        self.domains = Domains(self._database, settings.domain)
        self.formation = Formations(self._database)
        self.limits = ResourceLimits(self._database)
        self.releases = Releases(self._database)
        self.buildpacks = Buildpacks(self._database)
        self.builds = Builds(self._database)
        self.keys = Keys(self._database)
        self.properties = Properties(self._database)
        self.events = Events(self._database, settings.events_kept)
        self.process_states = ProcessStates(self._database)
        self.jobs = Jobs(self._database)
        self.images = NamedImages(self._database)
        self.ports = Ports(self._database)
        self.certificates = Certificates(self._database)
        self.acme_accounts = AcmeAccounts(self._database)
        self.redirects = Redirects(self._database)
        self.http_auth = HttpAuth(self._database)
        self.pages = Pages(self._database)
        self.registries = RegistryLogins(self._database, settings.state_dir / "secrets.key")
        self.secrets = Secrets(self._database, settings.state_dir / "secrets.key")
        self.docker_options = DockerOptions(self._database)
        self.volumes = Volumes(self._database)
        self.networks = SharedNetworks(self._database, settings.slots)
        self.plugins = Plugins(self._database)

    @property
    def kind(self) -> str:
        """Which database it is, without where or whose."""
        return self._database.kind

    def together(self) -> AbstractContextManager[object]:
        """Changes of this thread that become durable as one, or not at all."""
        return self._database.write()

    # -- as a whole -----------------------------------------------------------------------

    def view(self) -> AbstractContextManager[object]:
        """Reads of this thread see one moment, quickly, until it changes something itself."""
        return self._database.view()

    def dump(self, table: str, app: App | None = None) -> Iterator[bytes]:
        """A table's rows as lines of JSON, all or an app's; within a view."""
        with self._database.read() as connection:
            yield from dump.lines(connection, table, app.id if app else None)

    def take_from(self, path: Path, intake: Intake) -> None:
        """Take rows of a database file that is up to date, as one change."""
        with self._database.write() as connection:
            intake_.take_from(path, connection, intake)

    def copy(self, intake: Intake) -> None:
        """Take rows of apps that are here, for others that are here too, as one change."""
        with self._database.write() as connection:
            intake_.take(connection, connection, intake)

    def close(self) -> None:
        """Close idle connections."""
        self._database.close()
