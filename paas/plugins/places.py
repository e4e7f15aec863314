"""Places: where plugins, what they keep and what they are shown lie, and whom they run as. Pure.

Below <state>/plugins: revisions/<name>-<revision>, the files, root's and never changed;
available/<name> and enabled/<name>, links to them, as dokku has them; data/<name>, the
plugin's own; hooks, executables of the administrator's without a plugin; core and bin, what
dokku gives to plugins; staging, where one is fetched.
"""

from dataclasses import dataclass
from pathlib import Path

from paas.model.plugin import Plugin
from paas.settings import Settings

PROGRAM = Path(__file__).resolve().parents[2]
HOOKS = "hooks"  # the plugin that is none: executables named after triggers
FIRST_UID, LAST_UID = 1000, 60_000  # of slot 0's range; the ones before: hooks, fetching


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of an instance's plugins."""

    settings: Settings

    @property
    def root(self) -> Path:
        return self.settings.state_dir / "plugins"

    def revision(self, name: str, revision: str) -> Path:
        return self.root / "revisions" / f"{name}-{revision[:16]}"

    def available(self, name: str) -> Path:
        return self.root / "available" / name

    def enabled(self, name: str) -> Path:
        return self.root / "enabled" / name

    def data(self, name: str) -> Path:
        return self.root / "data" / name

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    @property
    def bin(self) -> Path:
        """The programs a plugin finds first: paas, and dokku, which is the same."""
        return self.root / "bin"

    @property
    def core(self) -> Path:
        return self.root / "core"

    @property
    def hook_folders(self) -> tuple[Path, ...]:
        """Where executables lie that belong to no plugin: those that came with us, then theirs."""
        return PROGRAM / HOOKS, self.root / HOOKS

    @property
    def own_folders(self) -> tuple[Path, ...]:
        """What has to be there, root's, for everybody to read."""
        below = ("revisions", "available", "enabled", "data", HOOKS, "bin", "core/available")
        return (self.root, *(self.root / one for one in below))

    # -- users ---------------------------------------------------------------------------

    @property
    def fetching_uid(self) -> int:
        """The user that fetches and unpacks plugins, and owns nothing."""
        return self.settings.uids(0) + FIRST_UID - 2

    def uid(self, plugin: Plugin | None) -> int:
        """The user a plugin runs as; None: the hooks that are in no plugin."""
        number = FIRST_UID + plugin.id if plugin else FIRST_UID - 1
        return self.settings.uids(0) + min(number, LAST_UID)
