"""The measurements of bin/bench: rows chosen, measured one after the other, shown."""

import argparse
import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import (
    backups,
    commands,
    compiled,
    containers,
    deploys,
    disk,
    dockerfiles,
    doors,
    front,
    languages,
    memory,
    proxying,
    releases,
    setting_up,
    volumes,
)
from tests.bench.measuring import Outcome, as_json, table
from tests.conftest import own_settings
from tests.e2e.instance import Instance, running

Measurement = Callable[[Instance, argparse.Namespace], Outcome]
ROWS: dict[str, Measurement] = {
    "repush": lambda instance, given: deploys.again(instance, given.runs),
    "first-push": lambda instance, given: deploys.first(instance, given.runs),
    **{
        f"repush-{name}": lambda instance, given, name=name: languages.again(
            instance, name, given.runs
        )
        for name in (*languages.SAMPLES, "static")
    },
    **{
        f"repush-{name}": lambda instance, given, name=name: compiled.again(
            instance, name, given.runs
        )
        for name in compiled.SAMPLES
    },
    "repush-dockerfile": lambda instance, given: dockerfiles.again(instance, given.runs),
    "ten-requirements": lambda instance, given: languages.ten(instance, given.runs),
    "one-more-python": lambda instance, given: languages.one_more_python(instance, given.runs),
    "one-more-nodejs": lambda instance, given: languages.one_more_node(instance, given.runs),
    "start": lambda _, given: containers.first_accept(given.runs),
    "mounts": lambda _, given: volumes.mounts(given.runs),
    "names": lambda _, given: volumes.answers(given.runs),
    "ssh": lambda instance, given: doors.ssh_version(instance, given.runs),
    "local": lambda instance, given: doors.apps_list(instance, given.runs),
    "push-100mb": lambda instance, given: doors.push_large(instance, given.runs),
    "push-20000": lambda instance, given: doors.push_many(instance, given.runs),
    "requests": lambda instance, given: proxying.requests_per_second(instance, given.runs),
    "route": lambda _, given: proxying.route_change(given.runs),
    "domain": lambda _, given: front.domains(given.runs),
    "setting": lambda _, given: front.settings(given.runs),
    "memory": lambda instance, given: memory.fifty_apps(instance, given.apps),
    "commands": lambda instance, given: commands.beside_many(instance, given.runs),
    "backup": lambda instance, given: backups.backup_and_restore(instance, given.apps),
    "disk-python": lambda instance, _: disk.twenty(instance, "python"),
    "disk-nodejs": lambda instance, _: disk.twenty(instance, "nodejs"),
    "rebase": lambda instance, given: releases.rebase(instance, given.runs),
    "sbom": lambda instance, given: releases.sbom(instance, given.runs),
    "stack": lambda instance, _: releases.update(instance),
    "quickstart": lambda _, given: setting_up.quickstart(),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Measure what is promised.")
    parser.add_argument("--only", action="append", choices=ROWS, help="a row; may be repeated")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default: 5)")
    parser.add_argument("--apps", type=int, default=50, help="apps for the memory row")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where numbers go")
    parser.add_argument("--with-peers", action="store_true", help="install Docker to compare with")
    return parser.parse_args()


@contextlib.contextmanager
def private_instance() -> Iterator[Instance]:
    """A platform for the measurements alone."""
    settings = own_settings(push_max_bytes=1 << 30)
    with running(settings, key="bench") as instance:
        yield instance


def measured(name: str, given: argparse.Namespace) -> Outcome:
    """A row's outcome on an instance of its own; what went wrong when it could not be measured."""
    try:
        with private_instance() as instance:
            return ROWS[name](instance, given)
    except Exception as error:  # noqa: BLE001 - the other rows are still worth measuring
        traceback.print_exc()
        return Outcome(name, "-", f"not measured: {type(error).__name__}", "-", ok=False)


def main() -> int:
    given = arguments()
    outcomes = []
    for name in given.only or ROWS:
        sys.stderr.write(f"measuring {name} ...\n")
        outcomes.append(measured(name, given))
        sys.stderr.write(f"{table(outcomes[-1:]).splitlines()[-1]}\n")
    sys.stdout.write(table(outcomes) + "\n")
    given.json.write_text(as_json(outcomes) + "\n")
    return 0 if all(outcome.ok is not False for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
