"""The verbs: install, which makes the lifecycle, and build, which has it build an app."""

from images.command import WORDS
from lifecycle import verbs

VERBS = {"build": ("cnb.building", "build"), "install": ("cnb.install", "install")}


def main(argv: list[str]) -> int:
    """Run one verb; the exit status."""
    return verbs.run(argv, VERBS, WORDS)
