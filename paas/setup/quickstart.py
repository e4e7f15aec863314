"""The whole errand of bin/quickstart, as a story: from a bare machine to a page served.

Touches: nothing itself; every chapter is a room of setup. Standard library only.
"""

import os
from collections.abc import Sequence

from paas.command import Runner
from paas.console import Console
from paas.doctor import examination, programs
from paas.doctor.finding import Status, as_json, as_lines, failures, summary
from paas.errors import CommandFailed, PaasError
from paas.settings import Settings
from paas.setup import background, environment, keys, links, packages, removal, sample, stack
from paas.setup.client import Client
from paas.setup.instance import Instance, Record
from paas.setup.options import Errand, Options
from paas.setup.phases import Phases
from paas.setup.together import together


def carry_out(options: Options, settings: Settings, console: Console) -> int:
    """Do what was asked; returns the exit code, raises PaasError with a remedy."""
    chosen = {"domain": options.domain} if options.domain else {}
    instance = Instance(settings, chosen)
    runner = Runner()
    if options.errand is not Errand.CHECK and os.geteuid() != 0:
        raise PaasError("this changes the machine, and you are not root", "run it with sudo")
    match options.errand:
        case Errand.CHECK:
            return check(instance, runner, console, as_json_text=options.json)
        case Errand.STOP:
            return stop(instance, runner, console)
        case Errand.REMOVE:
            return remove(instance, runner, console)
        case Errand.START:
            return start(options, instance, runner, console)


def check(instance: Instance, runner: Runner, console: Console, *, as_json_text: bool) -> int:
    """Only look: every finding, programs included."""
    findings = examination.whole(instance.settings, runner)
    lines = [as_json(findings)] if as_json_text else [*as_lines(findings), summary(findings)]
    for line in lines:
        console.line(line)
    return 1 if failures(findings) else 0


def start(options: Options, instance: Instance, runner: Runner, console: Console) -> int:
    """From whatever there is to a running platform with an app on it."""
    phases = Phases(console)
    with phases.phase("check", "Checking this machine"):
        examine(instance, runner, console)
    with phases.phase("packages", "Debian packages"):
        install_packages(instance, runner, console)
    with phases.phase("environment, stack", "Python environment and stack image"):
        prepare(instance, runner, console)
    with phases.phase("daemon", "Daemon and proxy"):
        start_daemon(instance, runner, console)
    user = keys.calling_user()
    client = Client(instance, runner)
    with phases.phase("key", f"SSH key of {user.name}"):
        key, made = keys.ensure(user, runner)
        if made:
            instance.note(Record(key=str(key)))
        console.detail(f"{key}.pub is {keys.register(client, user, key, runner)}")
    if options.restore is not None:
        with phases.phase("restore", f"Restoring {options.restore}"):
            restore(client, options, console)
    page = None
    if options.sample:
        with phases.phase("sample app", f"Sample app: git push {sample.remote(instance)} main"):
            if sample.deployed(client):
                console.detail("already deployed")
            else:
                sample.push(instance, user, key, runner, console.detail)
        with phases.phase("page", "Its page, through the proxy"):
            page = sample.fetch(instance)
            console.detail(f"{page.url} -> {page.status} {page.reason}: {page.first_line}")
    conclude(instance, phases, console)
    return 0 if page is None or page.status == 200 else 1


def examine(instance: Instance, runner: Runner, console: Console) -> None:
    """Stop here, before anything is changed, when something stands in the way."""
    findings = examination.before_installing(instance.settings, runner)
    worth_saying = [finding for finding in findings if finding.status is not Status.OK]
    for line in as_lines(worth_saying):
        console.detail(line)
    if stopping := failures(findings):
        names = ", ".join(finding.name for finding in stopping)
        raise PaasError(f"this machine is not ready: {names}", "nothing was changed; see above")
    console.detail(summary(findings))


def install_packages(instance: Instance, runner: Runner, console: Console) -> None:
    """Have every Debian package; those that are new are noted for --remove."""
    new = packages.install(runner, programs.packages(), console.detail)
    if new:
        instance.note(Record(packages=tuple(sorted(new))))
    console.detail(f"{len(new)} installed" if new else "all present")


def prepare(instance: Instance, runner: Runner, console: Console) -> None:
    """The settings file, then the locked environment and the stack image, side by side."""
    if instance.write_settings():
        console.detail(f"settings written to {instance.settings_file}")
    together(
        lambda: environment.ensure(runner, environment.LOCK, console.detail),
        lambda: stack.ensure(runner, instance.variables, console.detail),
    )


def start_daemon(instance: Instance, runner: Runner, console: Console) -> None:
    """The daemon, supervised; the clients where people look for programs."""
    console.detail(background.ensure(instance, runner))
    if not instance.is_default:
        return
    ours, taken = links.make()
    instance.note(Record(links=tuple(ours)))
    for link in taken:
        console.warn(f"{link} belongs to something else and was left alone")


def restore(client: Client, options: Options, console: Console) -> None:
    """Bring a backup back, onto the instance that runs by now and has no apps yet."""
    secret = options.passphrase_file
    words = ("--passphrase-file", str(secret)) if secret is not None else ()
    try:
        client.follow("restore", str(options.restore), *words, say=console.detail)
    except CommandFailed as error:
        raise PaasError(
            "the backup was not restored, or not all of it runs; the lines above say why",
            f"once that is mended: paas restore {options.restore}",
        ) from error


def stop(instance: Instance, runner: Runner, console: Console) -> int:
    """Stop everything; the next start brings it all back."""
    console.step(f"Stopping {instance.settings.name}")
    removal.stop(instance, runner, console.detail)
    console.heading("Stopped; bin/quickstart starts it again with all its apps")
    return 0


def remove(instance: Instance, runner: Runner, console: Console) -> int:
    """Remove everything, and look whether anything is left."""
    console.step(f"Removing {instance.settings.name} and everything it holds")
    left = removal.remove(instance, runner, console.detail)
    for thing in left:
        console.warn(f"still there: {thing}")
    if left:
        return 1
    console.heading("Removed; nothing is left")
    return 0


def conclude(instance: Instance, phases: Phases, console: Console) -> None:
    """What each phase took, and where to go from here."""
    console.heading("What it took")
    for name, seconds in phases.table():
        console.detail(f"{name:<20}{seconds}")
    console.heading("The next five things to try")
    for line in next_things(instance):
        console.detail(line)


def next_things(instance: Instance) -> Sequence[str]:
    """Commands to type, each with what it shows."""
    port = instance.settings.ssh_port
    prefix = "paas" if instance.is_default else f"PAAS_RUN_DIR={instance.settings.run_dir} bin/paas"
    things = (
        (f"{prefix} config:set hello COLOUR=green", "change its environment: a new release"),
        (f"{prefix} ps:scale hello web=2", "two containers, no request lost"),
        (f"{prefix} logs hello -t", "watch what they say"),
        (f"{prefix} run hello python", "a one-off container with your terminal"),
        (f"git push ssh://paas@localhost:{port}/blog main", "your own app, from its repository"),
    )
    width = max(len(command) for command, _ in things)
    return [f"{command:<{width}}  {what}" for command, what in things]
