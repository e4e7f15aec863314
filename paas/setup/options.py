"""The words quickstart takes, as a value.

Touches: nothing.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Errand(StrEnum):
    """What quickstart is asked to do."""

    START = "start"
    CHECK = "check"
    STOP = "stop"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, parsed."""

    errand: Errand
    domain: str | None
    settings_file: Path | None
    sample: bool
    json: bool
    restore: Path | None = None
    passphrase_file: Path | None = None


def parse(words: Sequence[str]) -> Options:
    """The options; argparse exits with a usage message when they make no sense."""
    given = parser().parse_args(words)
    return Options(
        given.errand,
        given.domain,
        given.settings,
        sample=not given.no_sample and given.restore is None,
        json=given.json,
        restore=given.restore and given.restore.absolute(),
        passphrase_file=given.passphrase_file and given.passphrase_file.absolute(),
    )


def parser() -> argparse.ArgumentParser:
    """The grammar and the help text."""
    made = argparse.ArgumentParser(
        prog="bin/quickstart",
        description="Turn this Debian machine into a platform: install, start, deploy a sample.",
        epilog="Every setting can be given as PAAS_<NAME> too; docs/settings.md lists them.",
    )
    made.set_defaults(errand=Errand.START)
    errands = made.add_mutually_exclusive_group()
    for errand, text in (
        (Errand.CHECK, "only examine the machine; change nothing"),
        (Errand.STOP, "stop the daemon, all apps, the proxy and the name service; keep all state"),
        (Errand.REMOVE, "remove everything: apps and their data, state, programs it installed"),
    ):
        flag = f"--{errand}"
        errands.add_argument(flag, action="store_const", dest="errand", const=errand, help=text)
    made.add_argument("--domain", help="apps answer on <app>.DOMAIN (default: localhost)")
    made.add_argument("--settings", type=Path, metavar="FILE", help="the instance's settings file")
    made.add_argument("--no-sample", action="store_true", help="do not deploy the sample app")
    made.add_argument(
        "--restore",
        type=Path,
        metavar="FILE",
        help="bring a backup back once paas runs, in place of the sample app",
    )
    made.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="FILE",
        help="with --restore: the backup's passphrase is its first line",
    )
    made.add_argument("--json", action="store_true", help="with --check: findings as JSON")
    return made
