"""The verbs: import, build, push, login."""

from lifecycle import verbs

VERBS = {
    "build": ("images.building", "build"),
    "login": ("images.pushing", "login"),
    "push": ("images.pushing", "push"),
    "import": ("images.importing", "import_image"),
}
WORDS = (
    "the image is too large or nested too deeply",
    "the image could not be worked on",
    "the image",
)


def main(argv: list[str]) -> int:
    """Run one verb; the exit status."""
    return verbs.run(argv, VERBS, WORDS)
