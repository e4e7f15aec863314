"""From words to a command: finds it, checks that the caller may, runs it, and tells what failed.

The doors call dispatch and nothing else. Nothing here or below raises to them.
"""

import difflib
import logging
import secrets
import traceback
from collections.abc import Sequence

from paas.commands import (  # noqa: F401 - importing a noun registers its commands
    app_json,
    apps,
    backup,
    basics,
    builder,
    builder_dockerfile,
    builder_pack,
    buildpacks,
    builds,
    certs,
    checks,
    config,
    containers,
    cp,
    cron,
    disk,
    docker_options,
    doctor,
    domains,
    events,
    failed_logs,
    failpoints,
    gc,
    git,
    git_hosts,
    git_images,
    git_sources,
    git_webhook,
    hook,
    http_auth,
    images,
    letsencrypt,
    log_settings,
    logs,
    maintenance,
    mirrors,
    network,
    nginx,
    plugin,
    plugin_commands,
    ports,
    proxy,
    ps,
    redirect,
    refusals,
    registry_images,
    releases,
    resource,
    restore,
    run,
    scheduler,
    shell,
    ssh_keys,
    stack,
    stats,
    storage,
    storage_copies,
    storage_labels,
    storage_legacy,
    storage_mounts,
    tags,
    trace,
    transfer,
    url,
    whole_report,
)
from paas.commands.basics import namespace_help
from paas.commands.context import Context
from paas.commands.permissions import allowed
from paas.commands.registry import GLOBAL_FLAGS, Command, HelpWanted, registry
from paas.console import Console, plain
from paas.errors import PaasError, PermissionDenied, UsageError, of_disk
from paas.model.caller import Caller, Role
from paas.model.occasion import CommandCalled
from paas.platform import Platform
from paas.plugins.environment import Call

log = logging.getLogger(__name__)

BUG = 1
ARGUMENT_BYTES = 2 << 20
MESSAGE_LENGTH = 4000
# what `<namespace> <arguments>` stands for, as in dokku
DEFAULTS = {
    "app-json": "app-json:report",
    "apps": "apps:list",
    "builder": "builder:report",
    "buildpacks": "buildpacks:list",
    "certs": "certs:report",
    "builds": "builds:list",
    "checks": "checks:report",
    "config": "config:show",
    "containers": "containers:list",
    "cron": "cron:list",
    "domains": "domains:report",
    "git": "git:report",
    "http-auth": "http-auth:report",
    "images": "images:list",
    "letsencrypt": "letsencrypt:report",
    "maintenance": "maintenance:report",
    "mirrors": "mirrors:report",
    "nginx": "nginx:report",
    "network": "network:report",
    "plugin": "plugin:list",
    "ports": "ports:list",
    "proxy": "proxy:report",
    "ps": "ps:report",
    "redirect": "redirect:list",
    "releases": "releases:list",
    "resource": "resource:report",
    "scheduler": "scheduler:report",
    "scheduler-docker-local": "scheduler-docker-local:report",
    "ssh-keys": "ssh-keys:list",
    "stack": "stack:list",
    "storage": "storage:list",
    "tags": "tags:list",
}


def dispatch(platform: Platform, caller: Caller, argv: Sequence[str], console: Console) -> int:
    """Run one command line for a caller; the exit code. Never raises."""
    context = Context(platform, caller, console)
    try:
        return execute(context, list(argv))
    except HelpWanted as wanted:
        console.line(wanted.text)
        return 0
    except PaasError as error:
        return told(console, error)
    except OSError as error:
        known = of_disk(error)
        if known is None:
            return bug(context, argv)
        log.exception("a command failed on the disk")
        return told(console, known)
    except Exception:  # noqa: BLE001 - bug() logs it
        return bug(context, argv)


def told(console: Console, error: PaasError) -> int:
    """The failure in its own words, without anything that drives a terminal."""
    for text in (error.message, error.hint):
        if text:
            shown = plain(text)[:MESSAGE_LENGTH]
            console.warn("".join(one if one.isprintable() or one == "\n" else "?" for one in shown))
    return error.exit_code


def bug(context: Context, argv: Sequence[str]) -> int:
    """An id for the caller, the traceback for the log. Arguments may be secrets: not logged."""
    identity = secrets.token_hex(4)
    name = plain(argv[0][:80]) if argv else "help"
    log.exception(  # noqa: LOG004 - called by the handler
        "bug %s in command %s of %s", identity, name, context.caller.name
    )
    console = context.console
    console.warn(f"Something went wrong inside paas; its log has the details under {identity}")
    if Role.ADMIN in context.caller.roles and (context.trace or trace.is_on(context.platform)):
        console.warn(plain(traceback.format_exc()))
    return BUG


def execute(context: Context, words: list[str]) -> int:
    """Global flags, then the command's name, then its arguments."""
    check_words(words)
    app = take_global_flags(context, words)
    name = words.pop(0) if words else "help"
    if name in ("--help", "-h"):
        name = "help"
    found = resolve(context.platform, name, words)
    if isinstance(found, str):
        context.console.line(found)
        return 0
    if not allowed(context.caller, found.permission):
        raise PermissionDenied(f"{context.caller.name} may not call {found.name}")
    ask_plugins(context, found.name, words)
    context.console.command = found.name
    try:
        return found.run(context, [f"--app={app}", *words] if app else words)
    except plugin_commands.NotKnown:
        if name in plugin_commands.commands(context.platform):
            raise
        raise unknown(context.platform, name) from None


def check_words(words: Sequence[str]) -> None:
    """Refuse what no argument may be, before anything looks at it."""
    if sum(map(len, words)) > ARGUMENT_BYTES:
        raise UsageError(f"the arguments are longer than {ARGUMENT_BYTES >> 20} MiB together")
    for place, word in enumerate(words, start=1):
        if "\0" in word or any("\ud800" <= character <= "\udfff" for character in word):
            raise UsageError(
                f"argument {place} has a character in it that is not text",
                "what holds other bytes is given on standard input; see paas help",
            )


def take_global_flags(context: Context, words: list[str]) -> str:
    """Apply the flags before the command's name; the app that --app names, or ""."""
    app = ""
    while words and words[0].startswith("--") and words[0] != "--help":
        flag = words.pop(0)
        name, equals, value = flag[2:].partition("=")
        if name == "app":
            app = value if equals else (words.pop(0) if words else "")
            if not app:
                raise UsageError("--app needs the name of an app")
        elif name == "quiet" and not equals:
            context.console.quiet = True
        elif name in GLOBAL_FLAGS and not equals:
            setattr(context, name, True)
        else:
            raise UsageError(
                f"there is no flag {flag[:80]} before a command",
                "known there: --quiet --trace --force --app NAME",
            )
    return app


# never asked of plugins for root on the server: the way out of one that says no to everything
ALWAYS = ("help", "plugin", "version")


def ask_plugins(context: Context, name: str, words: Sequence[str]) -> None:
    """Whether plugins let this caller call this command; plugins themselves are not asked about."""
    caller = context.caller
    if caller.roles.intersection((Role.HOOK, Role.PLUGIN)):
        return
    if context.local and name.partition(":")[0] in ALWAYS:
        return
    call = Call(caller.door, caller.name, trace=context.trace)
    asked = CommandCalled(call.user, call.name, (name, *words))
    context.platform.plugins.allow(asked, caller.name, context.console.aside(), call)


def resolve(platform: Platform, name: str, words: Sequence[str]) -> Command | str:
    """The command of a name; for a namespace its help, or what it stands for with arguments."""
    if name in registry:
        return registry[name]
    namespace, _, rest = name.partition(":")
    brought = plugin_commands.commands(platform)
    if name in brought and words[:1] != ["--help"]:
        return brought[name]
    known = namespace in namespaces([*registry.values(), *brought.values()])
    if known and (
        rest == "help" or (not rest and ":" not in name and words[:1] in ([], ["--help"]))
    ):
        return namespace_help(platform, namespace, words[0] if rest and words else "")
    if name in brought:
        return brought[name]
    if ":" not in name and name in DEFAULTS:
        return registry[DEFAULTS[name]]
    if asked := plugin_commands.asked_for(platform, name) if ":" in name else None:
        return asked
    raise refusals.of_command(name) or unknown(platform, name)


def namespaces(every: Sequence[Command]) -> set[str]:
    """The nouns that help shows."""
    return {one.namespace for one in every if not one.hidden}


def unknown(platform: Platform, name: str) -> PaasError:
    """The error for a name that is no command, with the nearest that are."""
    every = [*registry.values(), *plugin_commands.commands(platform).values()]
    visible = [one.name for one in every if not one.hidden]
    near = difflib.get_close_matches(name, visible, n=3, cutoff=0.6)
    namespace = name.partition(":")[0]
    see = f"see paas {namespace}:help" if namespace in namespaces(every) else "see paas help"
    hint = f"did you mean {' or '.join(near)}? Otherwise {see}" if near else see
    return PaasError(f"`{name[:80]}` is not a paas command", hint)
