"""The verbs: install, which makes the lifecycle, and build, which has it build an app."""

from lifecycle import verbs

VERBS = {"build": ("cnb.building", "build"), "install": ("cnb.install", "install")}
WORDS = (
    "the image is too large or nested too deeply",
    "the image could not be worked on",
    "the image",
)


def main(argv: list[str]) -> int:
    """Run one verb; the exit status."""
    return verbs.run(argv, VERBS, WORDS)
