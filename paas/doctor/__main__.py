"""`python3 -m paas.doctor [--format json]`: the examination before anything is installed."""

import sys

from paas.command import Runner
from paas.console import Console
from paas.doctor import examination
from paas.doctor.finding import as_json, as_lines, failures, summary
from paas.settings import load


def main() -> int:
    """Print every finding; 1 when something stands in the way."""
    console = Console(0, 1, 2)
    findings = examination.whole(load(), Runner())
    if sys.argv[1:] == ["--format", "json"]:
        console.line(as_json(findings))
    else:
        for line in as_lines(findings):
            console.line(line)
        console.line(summary(findings))
    return 1 if failures(findings) else 0


if __name__ == "__main__":
    sys.exit(main())
