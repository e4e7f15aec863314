"""`paas` and `dokku` on everybody's path, when those names are free or ours.

Touches: /usr/local/bin.
"""

from pathlib import Path

from paas.setup.environment import CHECKOUT

PLACE = Path("/usr/local/bin")
NAMES = ("paas", "dokku")


def make() -> tuple[list[str], list[str]]:
    """Link what can be linked; returns (our links, names that somebody else has)."""
    ours: list[str] = []
    taken: list[str] = []
    for name in NAMES:
        link, target = PLACE / name, CHECKOUT / "bin" / name
        if not (link.is_symlink() or link.exists()):
            link.symlink_to(target)
        (ours if is_ours(link) else taken).append(str(link))
    return ours, taken


def is_ours(link: Path) -> bool:
    """Whether it leads into this checkout."""
    return link.is_symlink() and link.readlink().is_relative_to(CHECKOUT)


def remove() -> None:
    """Take away the links that lead into this checkout."""
    for link in (PLACE / name for name in NAMES):
        if is_ours(link):
            link.unlink()
