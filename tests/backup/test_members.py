"""Headers of members: what GNU tar reads, and nothing else than what we write."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from paas.backup.headers import decode
from paas.backup.members import END, Kind, Member, encode
from paas.errors import PaasError

STRANGE = os.fsdecode(b"volumes/v/\xff\n\\")
MEMBERS = [
    Member("volumes/v", Kind.FOLDER, 0o1777, uid=1_000_065_536, gid=7),
    Member("volumes/v/file", mode=0o4755, uid=1_000_065_537, mtime_ns=1_700_000_000_123_456_789,
           size=3, attributes={"user.k": b"\xff\0 =\n"}),
    Member("volumes/v/" + "é" * 60 + "/" + "x" * 200, size=5),
    Member(STRANGE, size=1, mtime_ns=-1_500_000_000),
    Member("volumes/v/link", Kind.LINK, 0o777, target="../../" + "y" * 150),
    Member("volumes/v/twin", Kind.TWIN, target="volumes/v/file"),
    Member("volumes/v/pipe", Kind.PIPE),
    Member("volumes/v/gone", Kind.WHITEOUT, 0),
    Member("volumes/v/sparse", size=10_000_000,
           segments=((0, 512), (4096, 4096), (9_998_848, 1152))),
    Member("volumes/v/holes", size=10_000_000, segments=()),
    Member("volumes/v/many", size=1 << 40,
           segments=tuple((n << 20, 512) for n in range(5000))),
]  # fmt: skip


def stream(members: list[Member]) -> bytes:
    out = io.BytesIO()
    for member in members:
        out.write(encode(member))
        content = member.data_bytes if member.kind is Kind.FILE else 0
        out.write(b"q" * content + bytes(-content % 512))
    return out.getvalue() + END


def reader(data: bytes):
    file = io.BytesIO(data)

    def read(size: int) -> bytes:
        part = file.read(size)
        if len(part) != size:
            raise PaasError("it ends too early")
        return part

    return read


def members_of(data: bytes) -> list[Member]:
    read, found = reader(data), []
    while (member := decode(read)) is not None:
        found.append(member)
        content = member.data_bytes if member.kind is Kind.FILE else 0
        read(content + -content % 512)
    return found


def test_a_member_is_read_as_it_was_written():
    assert members_of(stream(MEMBERS)) == MEMBERS


def test_gnu_tar_unpacks_what_is_written(tmp_path: Path):
    (tmp_path / "x.tar").write_bytes(stream(MEMBERS))
    argv = ["tar", "--xattrs", "--xattrs-include=*", "-xf", "x.tar", "-C", str(tmp_path)]
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    volume = tmp_path / "volumes" / "v"
    file = (volume / "file").stat()
    assert (file.st_mode & 0o7777, file.st_uid) == (0o4755, 1_000_065_537)
    assert (file.st_mtime_ns, file.st_nlink) == (1_700_000_000_123_456_789, 2)
    assert os.getxattr(volume / "file", "user.k") == b"\xff\0 =\n"
    assert (tmp_path / STRANGE).read_bytes() == b"q"
    assert str((volume / "link").readlink()) == MEMBERS[4].target
    sparse = (volume / "sparse").read_bytes()
    assert len(sparse) == 10_000_000
    assert sparse.count(b"q") == 5760
    assert sparse[4096:8192] == b"q" * 4096
    assert (volume / "sparse").stat().st_blocks < 100


def test_pythons_tarfile_reads_what_is_written():
    with tarfile.open(fileobj=io.BytesIO(stream(MEMBERS))) as archive:
        names = [one.name for one in archive]
    assert len(names) == len(MEMBERS)
    assert names[2] == MEMBERS[2].path


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "volumes/../../x", "volumes/./x", "volumes//x", "", ".", "v" * 20_000,
     "/".join(["d"] * 300), "volumes/" + "n" * 256],
)  # fmt: skip
def test_a_path_that_leads_astray_is_refused(path: str):
    with pytest.raises(PaasError):
        members_of(stream([Member(path, size=0)]))


@pytest.mark.parametrize(
    "member",
    [
        Member("volumes/v/x", Kind.TWIN, target="/etc/shadow"),
        Member("volumes/v/x", Kind.TWIN, target="volumes/v/../../ssh/ed25519"),
        Member("volumes/v/x", Kind.TWIN, target="ssh/ed25519"),
        Member("volumes/v/x", Kind.TWIN, target="volumes/w/x"),
        Member("volumes/v/x", uid=1 << 33),
        Member("volumes/v/x", mtime_ns=10**25),
        Member("volumes/v/x", size=100, segments=((0, 10), (5, 10))),
        Member("volumes/v/x", size=10, segments=((0, 100),)),
        Member("volumes/v/x", Kind.LINK, size=5, segments=((0, 5),)),
    ],
)
def test_a_member_that_makes_no_sense_is_refused(member: Member):
    with pytest.raises(PaasError):
        members_of(stream([member]))


@pytest.mark.parametrize("flag", [b"3", b"4", b"7", b"g", b"S", b"L", b"K", b"\0", b"V"])
def test_kinds_that_are_never_in_a_backup_are_refused(flag: bytes):
    info = tarfile.TarInfo("volumes/v/x")
    info.type = flag
    info.devmajor, info.devminor = 8, 0
    with pytest.raises(PaasError):
        members_of(info.tobuf(tarfile.USTAR_FORMAT) + END)


def test_an_extended_header_of_a_gigabyte_is_not_read():
    info = tarfile.TarInfo("x")
    info.type, info.size = b"x", 1 << 30
    with pytest.raises(PaasError, match="too long"):
        members_of(info.tobuf(tarfile.USTAR_FORMAT) + bytes(4096))


@pytest.mark.parametrize("value", [b"", b"x", b"-1", b"9" * 30, b"0x10"])
def test_numbers_that_are_none_are_refused(value: bytes):
    records = b"%d uid=%s\n" % (len(value) + 8, value)
    info = tarfile.TarInfo("x")
    info.type, info.size = b"x", len(records)
    plain = tarfile.TarInfo("volumes/v/x").tobuf(tarfile.USTAR_FORMAT)
    data = info.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0") + plain + END
    with pytest.raises(PaasError):
        members_of(data)


def test_every_changed_byte_of_a_header_is_noticed_or_makes_another_member():
    data = encode(MEMBERS[0])
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x55
        try:
            found = members_of(bytes(changed) + END)
        except PaasError:
            continue
        assert found != [MEMBERS[0]] or place > 0
