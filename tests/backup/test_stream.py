"""The stream of an archive: what is changed, cut off or guessed is noticed."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from paas.backup.archive import Bounds
from paas.backup.footer import SEALED
from paas.backup.head import Head
from paas.backup.members import Kind, Member
from paas.backup.seal import HEADER
from paas.errors import PaasError
from tests.backup.archives import flipped, head, read, written

SECRET = "correct horse battery"
VOLUME = (Member("volumes/v", Kind.FOLDER, 0o755), b"")
FILES = [
    VOLUME,
    (Member("volumes/v/a", size=300_000), os.urandom(300_000)),
    (Member("volumes/v/b", size=2_000_000), b"b" * 2_000_000),
]


@pytest.fixture(scope="module", params=[None, SECRET], ids=["plain", "sealed"])
def archive(request: pytest.FixtureRequest) -> tuple[bytes, str | None]:
    return written(FILES, passphrase=request.param), request.param


def test_an_archive_is_read_as_it_was_written(archive: tuple[bytes, str | None]):
    assert read(*archive) == [member for member, _ in FILES]


def test_a_flipped_bit_anywhere_is_noticed(archive: tuple[bytes, str | None]):
    data, passphrase = archive
    chance, all_bits = random.Random(7), len(data) * 8
    ends = [3, 140, 330, all_bits - 300, all_bits - 90, all_bits - 1]
    for bit in [*ends, *(chance.randrange(all_bits) for _ in range(40 if not passphrase else 3))]:
        with pytest.raises(PaasError):
            read(flipped(data, bit), passphrase)


def test_an_archive_cut_short_is_noticed(archive: tuple[bytes, str | None]):
    data, passphrase = archive
    for length in (0, 1, 40, 100, len(data) // 2, len(data) - 25, len(data) - 1):
        with pytest.raises(PaasError):
            read(data[:length], passphrase)


def test_something_behind_the_end_is_noticed(archive: tuple[bytes, str | None]):
    data, passphrase = archive
    for more in (data, b"x", bytes(24)):
        with pytest.raises(PaasError):
            read(data + more, passphrase)


def test_zstd_and_tar_and_sha256sum_read_an_archive(tmp_path: Path):
    argv = ["zstd", "-dc"]
    plain = subprocess.run(argv, input=written(FILES), capture_output=True, check=True).stdout
    subprocess.run(["tar", "-xf", "-", "-C", str(tmp_path)], input=plain, check=True)
    argv = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    checked = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=True)
    assert checked.stdout.count(b": OK") == 3


def test_a_sealed_archive_tells_nothing_and_takes_its_passphrase_alone():
    secret = Member("volumes/v/secret", size=12)
    data = written([VOLUME, (secret, b"hunter2hunter2"[:12])], passphrase=SECRET)
    assert data.startswith(SEALED)
    assert b"hunter2" not in data
    assert b"volumes" not in data
    with pytest.raises(PaasError, match="encrypted"):
        read(data)
    with pytest.raises(PaasError, match="passphrase is wrong"):
        read(data, "wrong passphrase")


def test_two_sealed_archives_of_the_same_have_nothing_in_common():
    first, second = (written(FILES, passphrase=SECRET)[HEADER.size :] for _ in range(2))
    assert first[:64] != second[:64]


def test_chunks_of_a_sealed_archive_cannot_change_places():
    data = written(FILES, passphrase=SECRET)
    chunk = (64 << 10) + 16
    first, second, rest = HEADER.size, HEADER.size + chunk, HEADER.size + 2 * chunk
    swapped = data[:first] + data[second:rest] + data[first:second] + data[rest:]
    with pytest.raises(PaasError):
        read(swapped, SECRET)


@pytest.mark.parametrize("work", [0, 25, 63, 255])
def test_a_key_that_would_take_all_memory_is_refused(work: int):
    data = bytearray(written(FILES, passphrase=SECRET))
    data[HEADER.size - 3] = work
    with pytest.raises(PaasError):
        read(bytes(data), SECRET)


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04" + bytes(100), bytes(100_000)])
def test_what_is_no_backup_is_called_so(data: bytes):
    with pytest.raises(PaasError, match="no backup of paas"):
        read(data)


# -- bombs -------------------------------------------------------------------------------


def test_an_archive_that_would_fill_the_disk_is_refused_before_it_has():
    zeros = bytes(1 << 20)
    bomb = written([VOLUME, *((Member(f"volumes/v/{n}", size=1 << 20), zeros) for n in range(64))])
    assert len(bomb) < 100_000
    with pytest.raises(PaasError, match="more than the 8 MiB that are free"):
        read(bomb, bounds=Bounds(8 << 20, 1 << 40, 1000))


def test_holes_of_a_hundred_gigabytes_are_refused_unless_they_are_trusted():
    hole = Member("volumes/v/hole", size=100 << 30, segments=((0, 4),))
    bomb = written([VOLUME, (hole, b"data")])
    with pytest.raises(PaasError, match="holes"):
        read(bomb, bounds=Bounds(1 << 30, 1 << 30, 1000))
    assert read(bomb, bounds=Bounds(1 << 30, 1 << 62, 1000))[1] == hole


def test_more_entries_than_the_disk_has_room_for_are_refused():
    many = written([VOLUME, *((Member(f"volumes/v/{n}"), b"") for n in range(200))])
    with pytest.raises(PaasError, match="100 entries"):
        read(many, bounds=Bounds(1 << 30, 1 << 30, 100))


# -- what belongs where --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (Member("database/apps.jsonl", Kind.LINK, target="/etc/passwd"), "is a link"),
        (Member("ssh/ed25519", Kind.TWIN, target="ssh/ed25519"), "is a twin"),
        (Member("ssh/deep/ed25519"), "not where it belongs"),
        (Member("ssh/ed25519", mode=0o4755), "runs as another"),
        (Member("certificates/blog/key", uid=1000), "owned by somebody else"),
        (Member("volumes/v/x", Kind.WHITEOUT, 0), "is a whiteout"),
        (Member("volumes"), "not where it belongs"),
        (Member("volumes/v/x", attributes={"trusted.overlay.opaque": b"y"}), "attribute"),
        (Member("volumes/v/x", attributes={"security.capability": b"\1" * 20}), "attribute"),
        (Member("ssh/ed25519", attributes={"user.x": b"y"}), "attribute"),
        (Member("layers/x/files/a"), "in no section"),
        (Member("secret-plans/x"), "in no section"),
    ],
)
def test_a_member_in_the_wrong_place_is_refused(member: Member, why: str):
    of = head(("database", "ssh", "certificates", "volumes"))
    with pytest.raises(PaasError, match=why):
        read(written([VOLUME, (member, b"")], of))


def test_a_section_of_a_newer_paas_is_named():
    with pytest.raises(PaasError, match="section 'services'") as error:
        read(written([], head(("volumes", "services"))))
    assert "install that version" in error.value.hint


def test_a_format_of_a_newer_paas_is_refused():
    newer = Head(**{name: getattr(head(), name) for name in Head.__slots__} | {"format": 9})
    with pytest.raises(PaasError, match="format 9"):
        read(written([], newer))


def test_a_wrong_hash_names_the_file(monkeypatch: pytest.MonkeyPatch):
    from paas.backup import archive

    real = archive.sums_line

    def forged(path: str, digest: str) -> bytes:
        return real(path, "0" * 64 if path.endswith("/a") else digest)

    with monkeypatch.context() as patched:
        patched.setattr(archive, "sums_line", forged)
        data = written(FILES)
    with pytest.raises(PaasError, match="volumes/v/a"):
        read(data)
