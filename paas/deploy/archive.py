"""Archive: a tar or zip, by its address or on standard input, deployed as a push is."""

from dataclasses import dataclass

from paas.console import Console
from paas.deploy import incoming
from paas.deploy.images import sources
from paas.deploy.incoming import Errand
from paas.deploy.remotes import login_at
from paas.model.address import Address
from paas.model.caller import Caller
from paas.model.push import NOTHING
from paas.platform import Platform

COMMITTER = "paas <paas@localhost>"


@dataclass(frozen=True, slots=True)
class Archive:
    """What is to be deployed. address None: it comes on standard input.

    kind: what it is said to be (tar, tar.gz, zip), "" to find out. strip: without the one
    folder that all of it lies in. author: `Name <email>`, of the commit that is made.
    """

    address: Address | None
    kind: str
    author: str
    strip: bool = True

    @property
    def words(self) -> str:
        return f"archive {self.address.shown}" if self.address else "archive on standard input"


def deploy(
    platform: Platform, name: str, archive: Archive, caller: Caller, console: Console
) -> None:
    """Make a commit of the archive's files and deploy it; nothing when they are what runs."""
    with incoming.arriving(platform, name, caller, console) as arrival:
        branch = incoming.branch_of(platform, arrival.app)
        at = incoming.tip(platform, arrival.app, branch)
        parent = "" if at == NOTHING else at
        if archive.address is None:
            console.step("Reading an archive from standard input")
            with sources.piped(console) as stdin:
                found = incoming.read(arrival, errand(platform, archive, parent, stdin))
        else:
            found = incoming.read(arrival, errand(platform, archive, parent))
        commit = found["commit"]
        current = platform.store.releases.current(arrival.app)
        if not found.get("changed") and current is not None and current.image.commit == commit:
            console.step(f"{name} runs these files already: nothing to deploy")
            return
        incoming.deploy(arrival, branch, commit)


def errand(platform: Platform, archive: Archive, parent: str, stdin: int | None = None) -> Errand:
    """What the reader is told."""
    address = archive.address
    options = {
        "url": address.url if address else "",
        "login": login_at(platform, address.host) if address else None,
        "type": archive.kind,
        "strip": archive.strip,
        "parent": parent,
        "author": archive.author,
        "committer": COMMITTER,
        "message": f"Deploy {archive.words}",
    }
    return Errand("archive", options, "reading the archive", stdin=stdin)
