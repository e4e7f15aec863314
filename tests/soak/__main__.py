"""`bin/soak COMMAND`: long runs of what the suite plays short. Exit code 0: nothing was wrong.

Each command is a module beside this one, with arguments(parser) and run(options): what was
wrong, in words.
"""

import argparse
import sys
import time
from types import ModuleType

from tests.soak import faults, kills, load, many, pushes, reboot

COMMANDS: dict[str, ModuleType] = {
    "faults": faults,
    "kills": kills,
    "load": load,
    "many": many,
    "pushes": pushes,
    "reboot": reboot,
}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bin/soak", description="Long runs, on instances apart.")
    parsers = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        module.arguments(parsers.add_parser(name, help=summary, description=summary))
    options = parser.parse_args(argv)
    began = time.monotonic()
    problems = COMMANDS[options.command].run(options)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {time.monotonic() - began:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
