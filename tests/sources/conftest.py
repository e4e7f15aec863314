"""The reader of archives and repositories, run as it is, its places moved to a test's own."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).resolve().parents[2]
# what `-m sources` does, with other places: nothing else of it is changed
RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from lifecycle import verbs
from sources import archive, command, download, remote, repository, submodules
place = sys.argv[2]
repository.FOLDER, repository.PACK = place + "/repository", place + "/pack"
repository.OBJECTS = place + "/objects"
archive.SPOOL = place + "/spool"
verbs.RESULT, verbs.OPTIONS = place, place + "/options.json"
near = json.load(open(verbs.OPTIONS)).get("near")
if near is not None:  # what is near may be asked, with a patience of the test's own
    vars(download).update(near)
    for module in (download, remote, submodules):
        module.refuse_inward = lambda host, port: None
sys.exit(command.main(sys.argv[3:]))
"""
OPTIONS: dict[str, Any] = {
    "url": "",
    "login": None,
    "type": "",
    "bytes": 8 << 20,
    "entries": 2000,
    "strip": True,
    "parent": "",
    "author": "Ann <ann@example.com>",
    "committer": "paas <paas@localhost>",
    "message": "Deploy it",
}


@dataclass
class Reader:
    """One place, and what is read there."""

    place: Path
    told: dict[str, str] = field(default_factory=dict)

    def run(self, verb: str, options: dict[str, Any], stdin: bytes = b"") -> dict[str, Any]:
        """The report; {} when it failed, told having its words then."""
        (self.place / "options.json").write_text(json.dumps(options))
        done = subprocess.run(
            [sys.executable, "-I", "-c", RUN, HOUSE / "buildpacks", self.place, verb],
            input=stdin,
            capture_output=True,
            timeout=120,
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        if done.returncode:
            self.told = json.loads((self.place / "error.json").read_text())
            return {}
        found: dict[str, Any] = json.loads((self.place / "source.json").read_text())
        return found

    def archive(self, data: bytes, **changes: Any) -> dict[str, Any]:
        return self.run("archive", {**OPTIONS, **changes}, data)

    def refusal(self, data: bytes, **changes: Any) -> str:
        """The words an archive is refused with; nothing may have come out of it."""
        assert self.archive(data, **changes) == {}
        assert not (self.place / "pack").exists()
        return self.told["message"]

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", f"--git-dir={self.place / 'repository'}", *words],
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="surrogateescape")

    def files(self, commit: str) -> dict[str, str]:
        """Mode and content of every file of a commit, by path."""
        lines = self.git("ls-tree", "-r", "-z", commit).split("\0")[:-1]
        heads = {path: head.split() for head, _, path in (one.partition("\t") for one in lines)}
        return {
            path: f"{mode} {self.git('cat-file', 'blob', oid)}"
            for path, (mode, _, oid) in heads.items()
        }


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)
