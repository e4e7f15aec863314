"""Sections: what a backup is made of, in its order. A room that keeps state adds one here.

A section with a folder is that folder of the state directory, each entry of it a unit that
is put back whole. The others have code of their own. Pure.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from paas.backup.members import DEPTH, Kind, Member, refused
from paas.image.owners import CAPABILITY
from paas.model.plugin import NAME

SET_IDS = 0o6000
ROOTS_TO_WRITE = 0o755
USER = "user."
ACLS = ("system.posix_acl_access", "system.posix_acl_default")
OPAQUE = "trusted.overlay.opaque"


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be in a section; anything else is never written, and refused when read.

    units: what each entry of the section is called, all of them folders where those may be
    there. code: it runs, so that nobody but root may write to it.
    """

    kinds: frozenset[Kind]
    depth: int = DEPTH
    owned: bool = False  # by others than root; setuid, attributes and access lists come with it
    attributes: tuple[str, ...] = ()
    units: str = ""
    code: bool = False
    set_ids: bool = True

    def check(self, member: Member) -> None:
        """Raise PaasError for a member that has no place in the section."""
        if member.kind not in self.kinds:
            raise refused(member.path, f"is a {member.kind.name.lower()}")
        if member.path.count("/") >= self.depth or "/" not in member.path:
            raise refused(member.path, "is not where it belongs")
        if not self.owned and (member.uid or member.gid or member.mode & SET_IDS):
            raise refused(member.path, "is owned by somebody else than root, or runs as another")
        if member.mode != self.mode(member.mode):
            raise refused(member.path, "has a mode that nothing there may have")
        unit, _, below = member.path.partition("/")[2].partition("/")
        if not self.is_unit(unit) or not (below or self.may_be_unit(member.kind)):
            raise refused(member.path, "is nothing that could be there")
        for name in member.attributes:
            if not self.keeps(name):
                raise refused(member.path, f"has the attribute {name[:60]!r}")

    def mode(self, mode: int) -> int:
        """A mode as it is kept."""
        if self.code:
            return mode & ROOTS_TO_WRITE
        return mode & (0o7777 if self.owned and self.set_ids else 0o1777)

    def is_unit(self, name: str) -> bool:
        """Whether an entry of the section can be called so."""
        return not self.units or re.fullmatch(self.units, name) is not None

    def may_be_unit(self, kind: Kind) -> bool:
        return not self.units or kind is (Kind.FOLDER if Kind.FOLDER in self.kinds else Kind.FILE)

    def takes(self, path: Path) -> bool:
        """Whether an entry that is there is one of the section."""
        folders = Kind.FOLDER in self.kinds
        sort = path.is_dir() if folders else path.is_file()
        return not self.units or (self.is_unit(path.name) and sort and not path.is_symlink())

    def keeps(self, attribute: str) -> bool:
        """Whether an extended attribute is part of a file here."""
        return self.owned and (attribute.startswith(USER) or attribute in self.attributes)


FILES = frozenset({Kind.FILE})
PAPERS = frozenset({Kind.FILE, Kind.FOLDER})
TREE = frozenset({Kind.FILE, Kind.TWIN, Kind.LINK, Kind.FOLDER, Kind.PIPE})
CODE = frozenset({Kind.FILE, Kind.LINK, Kind.FOLDER})
LAYER = TREE | {Kind.WHITEOUT}


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a backup; its name is the first folder of its members' paths."""

    name: str
    words: str
    rule: Rule
    folder: str = ""  # below the state directory; "": it has code of its own
    files: tuple[str, ...] = ()  # only these of the folder; they replace what is there
    of_apps: bool = False  # each entry of the folder bears an app's name and goes with the app
    of_root: bool = False  # it runs, or belongs to what does: root alone brings it back
    logs: bool = False  # only when logs are wanted; its files grow while they are read


DATABASE, REPOSITORIES, LAYERS = "database", "repositories", "layers"

SECTIONS = (
    Section(DATABASE, "apps, config, domains, releases, keys, events", Rule(FILES, 2)),
    Section(REPOSITORIES, "repositories", Rule(FILES, 2)),
    Section("ssh", "the host key", Rule(FILES, 2), folder="ssh", files=("ed25519",)),
    Section("secrets", "the key of sealed secrets", Rule(FILES, 2), folder=".",
            files=("secrets.key",)),
    Section("certificates", "certificates and their keys", Rule(PAPERS, 8), folder="certs",
            of_apps=True),
    Section("volumes", "volumes", Rule(TREE, owned=True, attributes=ACLS), folder="volumes"),
    Section("plugins", "plugins", Rule(CODE, units=rf"{NAME.pattern}-[0-9a-f]{{1,16}}", code=True),
            folder="plugins/revisions", of_root=True),
    Section("plugin-data", "what plugins keep",
            Rule(TREE, owned=True, units=NAME.pattern, set_ids=False), folder="plugins/data",
            of_root=True),
    Section("plugin-hooks", "hooks of no plugin",
            Rule(FILES, 2, units=NAME.pattern, code=True), folder="plugins/hooks", of_root=True),
    Section(LAYERS, "layers of images",
            Rule(LAYER, owned=True, attributes=(*ACLS, OPAQUE, CAPABILITY))),
    Section("logs", "logs of apps", Rule(PAPERS, 8), folder="logs", of_apps=True, logs=True),
    Section("builds", "logs of builds", Rule(PAPERS, 8), folder="builds", of_apps=True, logs=True),
)  # fmt: skip
BY_NAME = {section.name: section for section in SECTIONS}


def chosen(*, app_only: bool, logs: bool) -> tuple[Section, ...]:
    """The sections of a backup of the platform, or of an app alone."""
    return tuple(
        one
        for one in SECTIONS
        if (logs or not one.logs) and (not app_only or not one.folder or one.of_apps)
    )
