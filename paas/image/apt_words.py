"""What apt and mmdebstrap say when they fail, in words that a stack's maker can act on.

Pure. Source: apt's messages in English, as the clean environment of children has it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from paas.errors import CommandFailed, PaasError
from paas.image import debian

CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
UNKNOWN = re.compile(
    r"E: (?:Unable to locate package (\S+)|Package '(\S+)' has no installation candidate"
    r"|Couldn't find any package by (?:glob|regex) '(\S+)')"
)
NO_SUITE = re.compile(r"E: The repository '(\S+) (\S+) Release' does not have a Release file")
EXPIRED = re.compile(r"E: Release file for (\S+) is expired \(([^)]*)\)")
UNSIGNED = re.compile(r"(?:NO_PUBKEY|E: The repository '(?:.*)' is not signed)")
UNREACHED = re.compile(r"E: Failed to fetch (\S+)\s+(.*)")
DISK_FULL = re.compile(r"No space left on device|You don't have enough free space")
UNMET = re.compile(r"^The following packages have unmet dependencies:\n((?: .*\n?)+)", re.MULTILINE)
# errors that only say that there was one
EMPTY = re.compile(r"(?:setup failed: )?E: (?:mmdebstrap failed|apt-get .* failed$|Some index)")
LONGEST = 600


@contextmanager
def explained(suite: str) -> Iterator[None]:
    """Have what apt objects to in the block told as a PaasError about Debian's suite."""
    try:
        yield
    except CommandFailed as error:
        raise reason(CREDENTIALS.sub("", error.stderr), suite) or error from error


def reason(said: str, suite: str) -> PaasError | None:
    """Why apt failed and what to do, from the last lines it said; None where it is not apt."""
    if DISK_FULL.search(said):
        return PaasError("the disk is full", "free some space, then do it again")
    if match := NO_SUITE.search(said):
        return PaasError(
            f"{match[1]} has no {match[2]}",
            "name a suite of Debian that is out and still has updates, such as bookworm or trixie",
        )
    if match := EXPIRED.search(said):
        return PaasError(
            f"what the mirror says of {suite} has expired: {match[1]} ({match[2]})",
            "check this machine's clock, and whether its mirror (in /etc/apt) is kept up to date",
        )
    if UNSIGNED.search(said):
        return PaasError(
            f"what the mirror says of {suite} is not signed by a key of Debian's that is here",
            "install a newer debian-archive-keyring",
        )
    if match := UNREACHED.search(said):
        return PaasError(
            f"Debian's mirror did not give {match[1]}: {match[2].strip()[:LONGEST]}",
            "check the network, and the mirror and the proxies in /etc/apt; then do it again",
        )
    return about_packages(said, suite)


def about_packages(said: str, suite: str) -> PaasError | None:
    """Names that are none, packages that exclude each other, or whatever else apt says."""
    names = [next(filter(None, groups)) for groups in UNKNOWN.findall(said)]
    if own := sorted({*names} & {*debian.RUN, *debian.BUILD}):
        return PaasError(
            f"no stack can be made of {suite}: it has no {', '.join(own)}",
            "name another suite of Debian; bookworm and trixie do",
        )
    if names:
        return PaasError(
            f"{suite} has no package {', '.join(dict.fromkeys(names))}"[:LONGEST],
            f"packages are named otherwise in other suites: look for it in packages.debian.org/"
            f"{suite}, and correct the definition",
        )
    if match := UNMET.search(said):
        return PaasError(
            f"these packages of {suite} cannot be installed together: {' '.join(match[1].split())}"[
                :LONGEST
            ],
            "leave out the one that excludes what the stack or the others need",
        )
    errors = [line.removeprefix("E: ") for line in said.splitlines() if line.startswith("E: ")]
    told = [line for line in errors if not EMPTY.match(f"E: {line}") and not EMPTY.match(line)]
    if not told:
        return None
    return PaasError(f"{suite} could not be installed: {' '.join(told)}"[:LONGEST], "try it again")
