"""What may be in a section of a backup, and what is refused before any of it is used."""

from pathlib import Path

import pytest

from paas.backup.members import Kind, Member
from paas.backup.sections import BY_NAME, ROOTS_TO_WRITE
from paas.errors import PaasError

REVISION = "plugins/freeze-0123456789abcdef"


@pytest.mark.parametrize(
    "member",
    [
        Member(REVISION, Kind.FOLDER, 0o755),
        Member(f"{REVISION}/post-deploy", Kind.FILE, 0o755),
        Member(f"{REVISION}/subcommands/on", Kind.LINK, 0o755, target="../commands"),
        Member("plugin-data/freeze", Kind.FOLDER, 0o755, 1_000_001_001, 1_000_001_001),
        Member("plugin-data/freeze/x", Kind.FILE, 0o666, 1_000_001_001, 1_000_001_001),
        Member("plugin-hooks/post-deploy", Kind.FILE, 0o755),
    ],
)
def test_what_a_plugin_has_is_taken(member: Member):
    BY_NAME[member.section].rule.check(member)


@pytest.mark.parametrize(
    "member",
    [
        Member("plugins/freeze", Kind.FOLDER, 0o755),
        Member("plugins/.freeze-0123456789abcdef", Kind.FOLDER, 0o755),
        Member("plugins/freeze-0123456789abcdefg", Kind.FOLDER, 0o755),
        Member(REVISION, Kind.LINK, 0o755, target="/etc"),
        Member(REVISION, Kind.FILE, 0o755),
        Member(f"{REVISION}/post-deploy", Kind.FILE, 0o757),
        Member(f"{REVISION}/post-deploy", Kind.FILE, 0o4755),
        Member(f"{REVISION}/post-deploy", Kind.FILE, 0o755, uid=1_000_001_001),
        Member(f"{REVISION}/pipe", Kind.PIPE, 0o644),
        Member(f"{REVISION}/twin", Kind.TWIN, 0o644, target=f"{REVISION}/post-deploy"),
        Member("plugin-data/Freeze", Kind.FOLDER, 0o755),
        Member("plugin-data/freeze", Kind.LINK, 0o755, target="/etc"),
        Member("plugin-data/freeze/su", Kind.FILE, 0o4755),
        Member("plugin-hooks/post-deploy", Kind.LINK, 0o755, target="/bin/sh"),
        Member("plugin-hooks/post-deploy/x", Kind.FILE, 0o755),
        Member("plugin-hooks/pre receive", Kind.FILE, 0o755),
    ],
    ids=lambda one: f"{one.path} {one.kind.name} {one.mode:o}",
)
def test_what_no_plugin_can_have_is_refused(member: Member):
    with pytest.raises(PaasError, match="not to be trusted"):
        BY_NAME[member.section].rule.check(member)


def test_only_what_would_be_taken_back_is_saved(tmp_path: Path):
    rule = BY_NAME["plugins"].rule
    good, strange, link = (tmp_path / name for name in ("a-0123456789abcdef", "b", "c-0123"))
    good.mkdir()
    strange.mkdir()
    link.symlink_to(good)
    assert [rule.takes(one) for one in (good, strange, link)] == [True, False, False]
    assert rule.mode(0o100775) == ROOTS_TO_WRITE
