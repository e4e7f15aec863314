"""Run as a program by test_daemon: the daemon over a platform of nothing but repositories."""

import sys
import types

from paas.console import Console
from paas.doors import daemon, journal
from paas.git.repositories import Repositories


def dispatch(_platform, _caller, argv, console: Console) -> int:
    if argv[0] == "wait":
        console.line("waiting")
        console.cancelled.wait()
        console.line("told to leave")
        return 130
    console.line("paas 0.1.0")
    return 0


def small_platform(settings, runner):
    return types.SimpleNamespace(
        settings=settings,
        runner=runner,
        close=lambda: None,
        repositories=Repositories(settings, runner),
        store=types.SimpleNamespace(keys=types.SimpleNamespace(find=lambda _fingerprint: None)),
        plugins=types.SimpleNamespace(caller=lambda _uid: None),
        shipping=types.SimpleNamespace(start=lambda: None, close=lambda: None),
        start=lambda: None,
    )


if __name__ == "__main__":
    journal.start("info")
    daemon.Platform = types.SimpleNamespace(open=small_platform)
    daemon.Supervisor = lambda _platform: types.SimpleNamespace(
        prepare=lambda: None, hear=lambda: None, start=lambda: None, stop=lambda: None
    )
    daemon.finishing = types.SimpleNamespace(resume=lambda _platform: None)
    daemon.Housekeeper = daemon.Keeper = daemon.Supervisor
    daemon.Scheduler = daemon.Expiry = daemon.Renewals = daemon.Supervisor
    daemon.dispatcher = lambda platform: lambda *words: dispatch(platform, *words)
    sys.exit(daemon.main())
