"""Installing: how a plugin comes, becomes a newer one, and goes; each whole or not at all.

A plugin's `install`, `update`, `uninstall` and `dependencies` run as root, as with dokku: they
set up the machine, at the word of root. Everything else of a plugin runs as its own user.
"""

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

from paas.console import Console
from paas.errors import PaasError
from paas.model.plugin import OwnCommand, Plugin, Source, helped
from paas.plugins.environment import Call
from paas.plugins.fetching import Tree, fetched
from paas.plugins.index import (
    COMMANDS,
    Listener,
    Present,
    executables,
    read_manifest,
    runnable,
    subcommands,
)
from paas.plugins.places import FIRST_UID, LAST_UID, Places
from paas.plugins.plugins import Plugins, failure
from paas.settings import Settings
from paas.store.store import Store

SETUP_S = 900.0
HELP_S = 10.0


# -- the three ways ------------------------------------------------------------------------


def install(plugins: Plugins, store: Store, name: str, source: Source, console: Console) -> Plugin:
    """Fetch, set up and enable a plugin; nothing of it stays when that fails."""
    refuse_taken(store, name)
    with fetched(plugins.runs, source) as tree:
        read_manifest(tree.folder)
        folder = keep(plugins.places, name, tree)
    plugin = store.plugins.add(name, source, tree.revision)
    try:
        link(plugins.places, plugin)
        take_data(plugins, plugin)
        set_up(plugins, present_of(plugins, plugin), "install", (), console)
        learn_commands(plugins, store, plugin)
        switch(plugins, store, plugin, enabled=True)
    except BaseException:
        forget(plugins, store, plugin)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return plugin


def update(
    plugins: Plugins, store: Store, plugin: Plugin, committish: str, console: Console
) -> str:
    """Fetch it again, from a commit if one is given; its revision now. As before on failure."""
    source = replace(plugin.source, committish=committish or plugin.source.committish)
    with fetched(plugins.runs, source) as tree:
        read_manifest(tree.folder)
        here = plugins.places.revision(plugin.name, plugin.revision).is_dir()
        if tree.revision == plugin.revision and here:
            store.plugins.move(plugin, source, tree.revision)
            return tree.revision
        keep(plugins.places, plugin.name, tree)
    new = replace(plugin, source=source, revision=tree.revision)
    try:
        link(plugins.places, new)
        set_up(plugins, present_of(plugins, new), "update", (), console)
        learn_commands(plugins, store, new)
        store.plugins.move(plugin, source, tree.revision)
    except BaseException:
        link(plugins.places, plugin)
        drop_other(plugins.places, new, than=plugin)
        raise
    drop_other(plugins.places, plugin, than=new)
    plugins.refresh()
    return tree.revision


def uninstall(plugins: Plugins, store: Store, plugin: Plugin, console: Console) -> Path | None:
    """Have it clean up, then remove it; where its own files are, when it has any."""
    switch(plugins, store, plugin, enabled=False)
    found = plugins.index.present.get(plugin.name)
    if found is not None:
        try:
            set_up(plugins, found, "uninstall", (plugin.name,), console)
        except PaasError as error:
            console.warn(f"{error.message}; it is uninstalled all the same")
    forget(plugins, store, plugin)
    shutil.rmtree(plugins.places.revision(plugin.name, plugin.revision), ignore_errors=True)
    data = plugins.places.data(plugin.name)
    return data if data.is_dir() else None


def drop_other(places: Places, one: Plugin, *, than: Plugin) -> None:
    """Remove the files of a revision, unless another one's are the same."""
    if one.revision != than.revision:
        shutil.rmtree(places.revision(one.name, one.revision), ignore_errors=True)


def switch(plugins: Plugins, store: Store, plugin: Plugin, *, enabled: bool) -> None:
    """Have it called from now on, or no more."""
    store.plugins.enable(plugin, enabled=enabled)
    name, places = plugin.name, plugins.places
    if enabled:
        point(places.enabled(name), f"../available/{name}")
    else:
        places.enabled(name).unlink(missing_ok=True)
    plugins.refresh()


def settle(plugins: Plugins, store: Store) -> None:
    """Have the links lead where the database says, after files and rows came by a restore."""
    places = plugins.places
    for folder in places.own_folders:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
    here = [one for one in store.plugins.list()
            if places.revision(one.name, one.revision).is_dir()]  # fmt: skip
    for name, kept in (("available", here), ("enabled", [one for one in here if one.enabled])):
        for path in (places.root / name).iterdir():
            if path.is_symlink() and path.name not in {one.name for one in kept}:
                path.unlink()
    for one in here:
        link(places, one)
        if one.enabled:
            point(places.enabled(one.name), f"../available/{one.name}")
    plugins.refresh()


def refuse_taken(store: Store, name: str) -> None:
    if store.plugins.find(name) is not None:
        raise PaasError(f"plugin {name} is installed already", f"paas plugin:update {name}")


def forget(plugins: Plugins, store: Store, plugin: Plugin) -> None:
    store.plugins.remove(plugin)
    for path in (plugins.places.enabled(plugin.name), plugins.places.available(plugin.name)):
        path.unlink(missing_ok=True)
    plugins.refresh()


# -- files ---------------------------------------------------------------------------------


def keep(places: Places, name: str, tree: Tree) -> Path:
    """The fetched files where a revision of the plugin lies."""
    folder = places.revision(name, tree.revision)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(tree.folder, folder)  # noqa: PTH104 - the atomic one, by its own name
    return folder


def link(places: Places, plugin: Plugin) -> None:
    """Have available/<name> lead to its files."""
    folder = places.revision(plugin.name, plugin.revision)
    point(places.available(plugin.name), f"../revisions/{folder.name}")


def point(path: Path, target: str) -> None:
    """A link to a target, in place of one that is there, in one step."""
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, path)  # noqa: PTH105 - the atomic one, by its own name


def present_of(plugins: Plugins, plugin: Plugin) -> Present:
    folder = plugins.places.revision(plugin.name, plugin.revision)
    return Present(plugin, read_manifest(folder), folder, plugins.places.uid(plugin))


def take_data(plugins: Plugins, plugin: Plugin) -> None:
    """What an earlier installation of the plugin kept is the new one's: it has another user."""
    settings, data = plugins.places.settings, plugins.places.data(plugin.name)
    uid = plugins.places.uid(plugin)
    if data.is_symlink() or not data.is_dir():
        return
    for where, _, files, descriptor in os.fwalk(data, follow_symlinks=False):
        del where
        give(descriptor, ".", settings, uid)
        for name in files:
            give(descriptor, name, settings, uid)


def give(descriptor: int, name: str, settings: Settings, uid: int) -> None:
    """One file to another plugin's user, when it was a plugin's: never root's, by whatever name."""
    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    first = settings.uids(0)
    lone = stat.S_ISDIR(status.st_mode) or status.st_nlink == 1
    if lone and first + FIRST_UID <= status.st_uid <= first + LAST_UID:
        os.chown(name, uid, uid, dir_fd=descriptor, follow_symlinks=False)


# -- asking the plugin -----------------------------------------------------------------------


def set_up(
    plugins: Plugins, one: Present, trigger: str, arguments: tuple[str, ...], console: Console
) -> None:
    """Run a plugin's trigger that sets up the machine, as root; PaasError when it fails."""
    path = one.folder / trigger
    if not runnable(one.folder, path):
        return
    listener = Listener(one.plugin.name, one.uid, path, SETUP_S)
    outcome = plugins.runs.trigger(listener, arguments, Call("root", "root"), console, as_root=True)
    if outcome.why:
        raise PaasError(
            failure(one.plugin.name, trigger, outcome), outcome.last or "it said nothing"
        )


def learn_commands(plugins: Plugins, store: Store, plugin: Plugin) -> None:
    """Note which commands it brings: its plugin.toml knows best, then what it says itself."""
    one = present_of(plugins, plugin)
    said = {own.name: own for own in helped(help_text(plugins, one))}
    declared = {own.name: own for own in one.manifest.commands}
    names = dict.fromkeys([*declared, *said, *subcommands(one)])
    store.plugins.set_commands(
        plugin, [described(name, declared.get(name), said.get(name)) for name in names]
    )


def described(name: str, declared: OwnCommand | None, said: OwnCommand | None) -> OwnCommand:
    own = said or OwnCommand(name)
    if declared is None:
        return own
    return replace(
        declared, usage=declared.usage or own.usage, summary=declared.summary or own.summary
    )


def help_text(plugins: Plugins, one: Present) -> str:
    """What `commands help` says; "" when there is no such thing."""
    if COMMANDS not in {path.name for path in executables(one.folder)}:
        return ""
    listener = Listener(one.plugin.name, one.uid, one.folder / COMMANDS, HELP_S)
    outcome = plugins.runs.trigger(listener, ("help",), Call(), answers=True)
    return outcome.answer.decode(errors="replace")
