"""Checking: a worker reads an archive to its end before anything of it is relied on.

Touches: the staging folder it is given, where the database of the archive is left as a
file that is up to date, and nothing else.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from paas.backup.archive import Content
from paas.backup.descriptors import temporary, write_all
from paas.backup.head import STAGED
from paas.backup.members import Member, damaged, refused
from paas.backup.opening import described, opened
from paas.backup.report import Report
from paas.backup.sections import DATABASE
from paas.backup.unpack import NEW_FILE
from paas.backup.vetting import vet
from paas.failpoints import failpoint
from paas.store import dump
from paas.store.store import rows_in

ROWS = "rows"


def check(order: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Check the archive and its database; head and manifest. order["staging"]: a new folder."""
    staging = Path(order["staging"])
    rows = staging / ROWS
    rows.mkdir(mode=0o700)
    with temporary(staging) as sums:
        reader = opened(order, sums)
        report.step(f"Checking {described(reader.head)}")
        done = 0
        for member, content in reader.members():
            failpoint("restore.check")
            if member.section == DATABASE:
                keep_rows(rows, member, content)
            done += member.data_bytes
            report.alive(done)
    checked = reader.checked
    if checked is None:
        raise damaged("it has no end")
    dump.rebuild(staging / STAGED, checked.head.schema, found_rows(rows))
    for table, row in rows_in(staging / STAGED):
        vet(table, row)
    return {"head": asdict(checked.head), "manifest": asdict(checked.manifest)}


def keep_rows(folder: Path, member: Member, content: Content) -> None:
    """Put the lines of a table aside."""
    table = member.path.removeprefix(f"{DATABASE}/").removesuffix(".jsonl")
    if not table.replace("_", "").isalnum():
        raise refused(member.path, "is no table")
    try:
        descriptor = os.open(folder / table, NEW_FILE, 0o600)
    except FileExistsError:
        raise refused(member.path, "is there twice") from None
    try:
        for chunk in content.chunks():
            write_all(descriptor, chunk)
    finally:
        os.close(descriptor)


def found_rows(folder: Path) -> dict[str, Iterator[bytes]]:
    """Lines by table."""
    return {path.name: lines_of(path) for path in sorted(folder.iterdir())}


def lines_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file
