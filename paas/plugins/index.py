"""Index: who listens to what, and which commands plugins bring; made anew when that changes.

Touches: the plugins' folders, read-only. Only regular files count, in the plugin's own folder.
"""

import logging
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paas.errors import PaasError
from paas.model import plugin as rules
from paas.model.plugin import Manifest, OwnCommand, Plugin
from paas.plugins.places import HOOKS, Places

log = logging.getLogger(__name__)

MANIFEST = "plugin.toml"
MANIFEST_BYTES = 64 << 10
SUBCOMMANDS, COMMANDS, DEFAULT = "subcommands", "commands", "default"
# git's, in the folder that came with us
NOT_TRIGGERS = frozenset({"pre-receive", "paas"})


@dataclass(frozen=True, slots=True)
class Listener:
    """One executable that is called on a trigger, or for a command."""

    plugin: str
    uid: int
    path: Path
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """An installed plugin whose files are there."""

    plugin: Plugin
    manifest: Manifest
    folder: Path
    uid: int

    def listener(self, path: Path) -> Listener:
        return Listener(self.plugin.name, self.uid, path, self.manifest.timeout_s)


@dataclass(frozen=True, slots=True)
class Index:
    """What is there at one moment. states: of the hook folders."""

    present: Mapping[str, Present] = field(default_factory=dict)
    listeners: Mapping[str, tuple[Listener, ...]] = field(default_factory=dict)
    commands: Mapping[str, tuple[OwnCommand, Present]] = field(default_factory=dict)
    users: Mapping[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    states: tuple[object, ...] = ()


def build(places: Places, plugins: Iterable[Plugin]) -> Index:
    """The index of these plugins: enabled ones listen, bring commands and may call us."""
    seen = states(places)
    every = (present(places, each) for each in plugins)
    found = {one.plugin.name: one for one in every if one}
    enabled = [one for one in found.values() if one.plugin.enabled]
    listeners: dict[str, list[Listener]] = defaultdict(list)
    for name, listener in [*hooks(places), *triggers(enabled)]:
        listeners[name].append(listener)
    return Index(
        found,
        {name: tuple(several) for name, several in listeners.items()},
        {own.name: (own, one) for one in enabled for own in one.plugin.commands},
        {
            places.uid(None): (HOOKS, rules.GRANTABLE),
            **{one.uid: (one.plugin.name, one.manifest.may) for one in enabled},
        },
        seen,
    )


def present(places: Places, plugin: Plugin) -> Present | None:
    """The plugin with its manifest; None when its files are gone or make no sense."""
    folder = places.revision(plugin.name, plugin.revision)
    try:
        return Present(plugin, read_manifest(folder), folder, places.uid(plugin))
    except PaasError as error:
        log.warning("plugin %s is left out: %s", plugin.name, error.message)
        return None


def read_manifest(folder: Path) -> Manifest:
    """What a plugin's plugin.toml says; PaasError when there is none, or it is no such thing."""
    try:
        descriptor = os.open(folder / MANIFEST, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise PaasError("plugin.toml is no file")
            data = file.read(MANIFEST_BYTES + 1)
    except OSError as error:
        raise PaasError(f"its plugin.toml cannot be read: {error.strerror}") from error
    if len(data) > MANIFEST_BYTES:
        raise PaasError(f"plugin.toml is longer than {MANIFEST_BYTES >> 10} KiB")
    return rules.manifest(data.decode(errors="replace"))


# -- executables -------------------------------------------------------------------------


def hooks(places: Places) -> Iterator[tuple[str, Listener]]:
    """Executables that lie in no plugin; the administrator's follow those that came with us."""
    for folder in places.hook_folders:
        for path in executables(folder):
            if path.name not in NOT_TRIGGERS:
                yield path.name, Listener(HOOKS, places.uid(None), path)


def triggers(enabled: Iterable[Present]) -> Iterator[tuple[str, Listener]]:
    """What enabled plugins listen to, plugin by plugin in the order of their names."""
    for one in sorted(enabled, key=lambda each: each.plugin.name):
        for path in executables(one.folder):
            if path.name != COMMANDS:
                yield path.name, one.listener(path)


def executables(folder: Path) -> list[Path]:
    """The files of a folder that can be run, links that stay within it included, by name."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [path for path in found if runnable(folder, path)]


def runnable(folder: Path, path: Path) -> bool:
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
    except (OSError, RuntimeError):
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o111) and real.is_relative_to(folder.resolve())


def command_file(one: Present, name: str) -> Path | None:
    """The executable of a command: its own in subcommands, else the plugin's `commands`."""
    namespace, _, rest = name.partition(":")
    own = one.folder / SUBCOMMANDS / (rest or DEFAULT)
    if namespace == one.plugin.name and runnable(one.folder, own):
        return own
    every = one.folder / COMMANDS
    return every if runnable(one.folder, every) else None


def subcommands(one: Present) -> list[str]:
    """The commands that have an executable of their own."""
    name = one.plugin.name
    found = executables(one.folder / SUBCOMMANDS)
    return [name if path.name == DEFAULT else f"{name}:{path.name}" for path in found]


def states(places: Places) -> tuple[object, ...]:
    """What is in the hook folders: an executable that is put there, or made one, shows in it."""
    return tuple(state for folder in places.hook_folders for state in state_of(folder))


def state_of(folder: Path) -> list[tuple[str, int]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((one.name, one.stat(follow_symlinks=False).st_mode) for one in entries)
    except OSError:
        return []
