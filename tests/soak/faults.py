"""Every operation at every failpoint it passes, with each thing that can happen there."""

import argparse
from concurrent.futures import Future
from functools import partial

from tests.faults.matrix import matrix
from tests.faults.operations import OPERATIONS
from tests.faults.stage import several


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--operation", action="append", choices=OPERATIONS, help="only this; may be repeated")
    add("--point", action="append", help="only at this failpoint; may be repeated")
    add("--at-once", type=int, default=2, help="instances side by side")
    add("--sampled", action="store_true", help="as the suite: shared points meet one fault each")


def run(options: argparse.Namespace) -> list[str]:
    """Play them all; a line for each as it is over."""
    with several(options.at_once) as stages, matrix(stages, whole=not options.sampled) as made:
        found = made.play(options.operation or list(OPERATIONS), options.point)
        for case, outcome in found.items():
            outcome.add_done_callback(partial(tell, case))
        return [problem for outcome in found.values() for problem in outcome.result()]


def tell(case: tuple[str, str], outcome: Future[list[str]]) -> None:
    if not outcome.cancelled():
        problems = outcome.result()
        print(f"{'FAILED' if problems else 'ok':6} {case[0]:9} {case[1]}", *problems, flush=True)
