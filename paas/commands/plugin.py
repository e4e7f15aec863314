"""plugin: what others have made for the platform: put in, taken out, switched on and off.

What runs code as root - install, update, uninstall, dependencies - is root's alone, as with dokku.
"""

from typing import Any

import click

from paas.commands.basics import NAMESPACES
from paas.commands.context import Context
from paas.commands.parameters import TEXT, Checked, format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command, registry
from paas.errors import PaasError, PermissionDenied, UsageError
from paas.model import moments
from paas.model.plugin import Plugin, name_of, plugin_name, source
from paas.plugins import installing, triggers
from paas.plugins.environment import Call
from paas.plugins.index import Present, executables
from paas.plugins.places import HOOKS
from paas.plugins.plugins import failure
from paas.version import VERSION

PLUGIN_NAMED = Checked("name", plugin_name)
name_argument = click.argument("name", type=PLUGIN_NAMED)
core_option = click.option("--core", is_flag=True, help="Only what paas brings itself.")


def refuse_remote(context: Context, what: str) -> None:
    """Only root on this very machine has code run as root."""
    if not context.local:
        raise PermissionDenied(
            f"{what} runs code as root, which only root on the server may ask for",
            "log in there and use sudo paas",
        )


def installed(context: Context, name: str) -> Plugin:
    found = context.platform.store.plugins.find(name)
    if found is None:
        raise PaasError(f"plugin {name} is not installed", "see which are: paas plugin:list")
    return found


def built_in(name: str) -> bool:
    """Whether paas has the commands of that plugin itself."""
    return name in NAMESPACES and any(one.namespace == name for one in registry.values())


# -- in and out ------------------------------------------------------------------------


@command("plugin:install", Permission.ADMIN)
@click.argument("address", type=TEXT, required=False)
@core_option
@click.option("--committish", type=TEXT, default="", help="A tag, branch or commit of it.")
@click.option("--name", "name", type=PLUGIN_NAMED, help="What it is called, if not as its address.")
def install(
    context: Context, address: str | None, core: bool, committish: str, name: str | None
) -> None:
    """Install a plugin from a git address, a .tar.gz or a path; without one, set up all again.

    What paas brings itself needs no installation, and is never replaced.
    """
    refuse_remote(context, "plugin:install")
    if core and address:
        raise UsageError("--core goes with no address")
    if address is None and (name or committish):
        raise UsageError("--name and --committish go with the address of a plugin")
    if core:
        context.console.step("Nothing to do: paas brings its own plugins")
    elif address is None:
        for one in enabled(context):
            set_up(context, one, "install")
    else:
        origin = source(address, committish)
        install_one(context, name or name_of(origin), address, committish)


def install_one(context: Context, name: str, address: str, committish: str) -> None:
    if built_in(name):
        context.console.step(f"paas has {name} itself: nothing was installed")
        return
    if name == HOOKS:
        raise UsageError("a plugin cannot be called hooks", "choose another name: --name NAME")
    platform, console = context.platform, context.console
    console.step(f"Fetching plugin {name} from {address}")
    plugin = installing.install(
        platform.plugins, platform.store, name, source(address, committish), console
    )
    context.record("plugin", f"Install {name} ({plugin.revision[:12]}) from {address}")
    console.step(f"Plugin {name} enabled")
    tell_of_vain(context, name)


def tell_of_vain(context: Context, name: str) -> None:
    """Say which of a plugin's executables nobody will ever call, and which commands are ours."""
    one = context.platform.plugins.index.present.get(name)
    if one is None:
        return
    for trigger, why in triggers.in_vain(path.name for path in executables(one.folder)).items():
        context.console.warn(f"{trigger} of plugin {name} is never called: {why}")
    for own in one.plugin.commands:
        if own.name in registry:
            context.console.warn(f"{own.name} of plugin {name} stands behind paas's own")


@command("plugin:update", Permission.ADMIN)
@click.argument("name", type=PLUGIN_NAMED, required=False)
@click.argument("committish", type=TEXT, required=False, default="")
def update(context: Context, name: str | None, committish: str) -> None:
    """Fetch a plugin again, its newest revision or another one; without a name, all of them."""
    refuse_remote(context, "plugin:update")
    store = context.platform.store
    chosen = store.plugins.list() if name is None else [installed(context, name)]
    if committish:
        source(chosen[0].source.address, committish)
    failed = [one.name for one in chosen if not update_one(context, one, committish, name is None)]
    if failed:
        raise PaasError(f"{', '.join(failed)} could not be updated", "the lines above say why")


def update_one(context: Context, plugin: Plugin, committish: str, several: bool) -> bool:
    """Whether it went well; of several, one that does not stop the others."""
    platform, console = context.platform, context.console
    try:
        now = installing.update(platform.plugins, platform.store, plugin, committish, console)
    except PaasError as error:
        if not several:
            raise
        console.warn(f"plugin {plugin.name}: {error.message}")
        return False
    if now == plugin.revision:
        console.step(f"Plugin {plugin.name} is at its newest revision ({now[:12]})")
        return True
    context.record("plugin", f"Update {plugin.name} to {now[:12]}")
    console.step(f"Plugin ({plugin.name}) updated")
    tell_of_vain(context, plugin.name)
    return True


@command("plugin:uninstall", Permission.ADMIN)
@name_argument
def uninstall(context: Context, name: str) -> None:
    """Have a plugin clean up and remove it; files of its own stay, and are named."""
    refuse_remote(context, "plugin:uninstall")
    platform = context.platform
    kept = installing.uninstall(
        platform.plugins, platform.store, installed(context, name), context.console
    )
    context.record("plugin", f"Uninstall {name}")
    context.console.step(f"Plugin {name} uninstalled")
    if kept is not None:
        context.console.detail(f"what it kept is in {kept}")


@command("plugin:install-dependencies", Permission.ADMIN)
@core_option
def install_dependencies(context: Context, core: bool) -> None:
    """Have every enabled plugin install what it needs of the system."""
    refuse_remote(context, "plugin:install-dependencies")
    if core:
        context.console.step("Nothing to do: paas doctor tells what paas needs")
        return
    for one in enabled(context):
        set_up(context, one, "dependencies")


def enabled(context: Context) -> list[Present]:
    present = context.platform.plugins.index.present
    return [one for _, one in sorted(present.items()) if one.plugin.enabled]


def set_up(context: Context, one: Present, trigger: str) -> None:
    context.console.step(f"Running {trigger} of plugin {one.plugin.name}")
    installing.set_up(context.platform.plugins, one, trigger, (), context.console)


# -- on and off --------------------------------------------------------------------------


@command("plugin:enable", Permission.ADMIN)
@name_argument
def enable(context: Context, name: str) -> None:
    """Have a plugin called again."""
    refuse_remote(context, "plugin:enable")
    switch(context, name, enabled=True)


@command("plugin:disable", Permission.ADMIN)
@name_argument
def disable(context: Context, name: str) -> None:
    """Have a plugin called no more, from this moment on; nothing of it is removed."""
    switch(context, name, enabled=False)


def switch(context: Context, name: str, *, enabled: bool) -> None:
    platform = context.platform
    installing.switch(platform.plugins, platform.store, installed(context, name), enabled=enabled)
    context.record("plugin", f"{'Enable' if enabled else 'Disable'} {name}")
    context.console.step(f"Plugin {name} {'enabled' if enabled else 'disabled'}")


# -- what there is -----------------------------------------------------------------------


@command("plugin:list", Permission.READ)
@format_option
def list_plugins(context: Context, format_: str) -> None:
    """List plugins: those that are installed, and what paas brings itself."""
    rows = [described(context, one) for one in context.platform.store.plugins.list()]
    if format_ == "json":
        context.console.json(rows)
        return
    own = [
        {"name": name, "version": VERSION, "state": "enabled", "description": f"paas core: {words}"}
        for name, words in sorted(NAMESPACES.items())
        if built_in(name)
    ]
    context.console.line(f"paas: {VERSION}")
    for row in sorted([*own, *rows], key=lambda each: str(each["name"])):
        start = f"  {str(row['name']).ljust(20)} {str(row['version']).ljust(10)}"
        context.console.line(f"{start} {str(row['state']).ljust(10)} {row['description']}".rstrip())


def described(context: Context, plugin: Plugin) -> dict[str, Any]:
    one = context.platform.plugins.index.present.get(plugin.name)
    state = "enabled" if plugin.enabled else "disabled"
    return {
        "name": plugin.name,
        "version": one.manifest.version if one else "",
        "state": state if one else "missing",
        "description": one.manifest.description if one else "its files are gone: plugin:update",
        "source": plugin.source.address,
        "committish": plugin.source.committish,
        "revision": plugin.revision,
        "installed_at": moments.iso(plugin.installed_at),
        "commands": [own.name for own in plugin.commands],
    }


@command("plugin:installed", Permission.READ)
@name_argument
def is_installed(context: Context, name: str) -> int:
    """Tell whether a plugin is installed: exit 0 when it is, 1 when it is not."""
    if built_in(name) or context.platform.store.plugins.find(name):
        context.console.heading(f"Plugin {name} is installed")
        return 0
    context.console.warn(f"plugin {name} is not installed")
    return 1


@command("plugin:trigger", Permission.ADMIN, passthrough=True)
@click.argument("trigger", type=TEXT)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENT]...")
def trigger(context: Context, trigger: str, words: tuple[str, ...]) -> int:
    """Call a trigger of every enabled plugin by hand; the exit code is the first failure's.

    For writing plugins: nothing else happens that usually goes with it.
    """
    if trigger in triggers.SETUP:
        raise UsageError(f"{trigger} runs as root", "see paas plugin:help for its command")
    caller, plugins = context.caller, context.platform.plugins
    call = Call(caller.door, caller.name, quiet=context.console.quiet, trace=context.trace)
    given = b"" if context.console.is_terminal else context.console.read_all(1 << 20)
    status = 0
    for listener in plugins.listening(trigger):
        outcome = plugins.runs.trigger(listener, words, call, context.console, given=given)
        if outcome.why:
            context.console.warn(failure(listener.plugin, trigger, outcome))
            status = status or outcome.status
    return status if status >= 0 else 1
