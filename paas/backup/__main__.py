"""A worker's life: `python -m paas.backup ROLE DESCRIPTOR`, started by paas.backup.worker."""

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from paas import failpoints
from paas.backup.report import Report
from paas.errors import PaasError, of_disk
from paas.settings import environment

# which module does what; each is imported only by the worker that needs it
ROLES = {"write": "writing", "check": "checking", "unpack": "unpacking"}
Role = Callable[[Mapping[str, Any], Report], dict[str, Any]]


def main(role: str, descriptor: str) -> int:
    """Do what the order says; the exit code."""
    failpoints.allow(environment("PAAS_FAILPOINTS"))
    with os.fdopen(int(descriptor), "rb") as file:
        order = json.load(file)
    report = Report(2)
    try:
        do: Role = getattr(importlib.import_module(f"paas.backup.{ROLES[role]}"), role)
        result = do(order, report)
    except BrokenPipeError:
        return 1  # whoever wanted it is gone
    except PaasError as error:
        report.failed(error)
        return 1
    except OSError as error:
        known = of_disk(error)
        if known is None:
            raise
        report.failed(known)
        return 1
    report.done(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
