"""The verbs: archive, fetch, hostkeys. Each returns what the daemon is told."""

from lifecycle import verbs

VERBS = {
    "archive": ("sources.archive", "take"),
    "fetch": ("sources.remote", "fetch"),
    "hostkeys": ("sources.hostkeys", "ask"),
}
WORDS = (
    "what came in is too large or nested too deeply",
    "the source could not be read",
    "the source",
)


def main(argv: list[str]) -> int:
    """Run one verb; the exit status."""
    return verbs.run(argv, VERBS, WORDS, into="source")
