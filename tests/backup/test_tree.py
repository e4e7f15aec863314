"""Folders into an archive and out of it again, whatever is in them and whoever writes to them."""

import os
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paas.backup.members import Kind, Member
from paas.errors import PaasError
from paas.image.durable import remove_tree
from tests.backup.archives import of_tree, read, unpacked, written
from tests.backup.volume import described, make

VOLUME = (Member("volumes/v", Kind.FOLDER, 0o755), b"")
APP_UID = 1_000_065_536


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with everything that a volume may have."""
    root = tmp_path / "state" / "volumes" / "v"
    make(root, APP_UID)
    return root


def test_a_volume_comes_back_as_it_was(volume: Path, tmp_path: Path):
    data, notes = of_tree(volume.parent, "v")
    unpacked(data, tmp_path / "there")
    back = tmp_path / "there" / "volumes" / "v"
    assert described(back) == described(volume)
    assert notes.left_out == []
    assert notes.unsteady == []


def test_holes_stay_holes(volume: Path, tmp_path: Path):
    data, _ = of_tree(volume.parent, "v")
    assert len(data) < 5 << 20
    unpacked(data, tmp_path / "there")
    for name in ("sparse", "hole"):
        before = (volume / name).stat()
        after = (tmp_path / "there" / "volumes" / "v" / name).stat()
        assert after.st_size == before.st_size
        assert after.st_blocks <= before.st_blocks + 64
    with (tmp_path / "there" / "volumes" / "v" / "sparse").open("rb") as file:
        for place in (5 << 20, 200 << 20, (300 << 20) - 5):
            file.seek(place)
            assert file.read(5) == b"data!"


def test_a_socket_is_left_out_and_told(volume: Path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(volume / "socket"))
        data, notes = of_tree(volume.parent, "v")
    assert notes.left_out == ["volumes/v/socket: it is a socket, which its program makes anew"]
    assert "volumes/v/socket" not in [member.path for member in read(data)]


def test_a_device_is_left_out_and_told(volume: Path):
    os.mknod(volume / "disk", stat.S_IFBLK | 0o666, os.makedev(254, 0))
    os.mknod(volume / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    _, notes = of_tree(volume.parent, "v")
    assert notes.left_out == ["volumes/v/disk: it is a device", "volumes/v/null: it is a device"]


def test_folders_nested_without_end_are_left_out_and_the_rest_comes(tmp_path: Path):
    root = tmp_path / "volumes" / "v"
    root.mkdir(parents=True)
    (root / "near").write_text("near")
    below = os.open(root, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir("d", dir_fd=below)
        deeper = os.open("d", os.O_RDONLY, dir_fd=below)
        os.close(below)
        below = deeper
    os.close(below)
    data, notes = of_tree(root.parent, "v")
    remove_tree(root)  # nobody else can
    assert "too deep" in notes.left_out[0]
    assert "volumes/v/near" in [member.path for member in read(data)]


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[Path]:
    """A volume in which somebody writes, deletes and swaps files and folders all the time."""
    root = tmp_path / "volumes" / "v"
    (root / "steady").mkdir(parents=True)
    for number in range(50):
        (root / "steady" / str(number)).write_text(str(number) * 1000)
    over = threading.Event()

    def write() -> None:
        turn = 0
        while not over.is_set():
            turn += 1
            (root / "log").open("a").write("line\n" * 100)
            (root / "turn").write_text(str(turn) * 5000)
            (root / f"new-{turn % 7}").write_text("x" * (turn % 100_000))
            (root / f"new-{(turn + 3) % 7}").unlink(missing_ok=True)
            swap = root / "swap"
            if turn % 2:
                swap.mkdir(exist_ok=True)
                (swap / "inner").write_text("inner")
            elif swap.is_dir():
                (swap / "inner").unlink()
                swap.rmdir()
                swap.symlink_to("/etc")
                swap.unlink()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield root
    over.set()
    thread.join()


def test_a_volume_that_changes_all_the_time_is_whole_where_it_holds_still(
    restless: Path, tmp_path: Path
):
    for turn in range(5):
        data, _ = of_tree(restless.parent, "v")
        target = tmp_path / f"there-{turn}"
        unpacked(data, target)
        back = target / "volumes" / "v" / "steady"
        assert {one.name: one.read_text() for one in back.iterdir()} == {
            str(number): str(number) * 1000 for number in range(50)
        }


def test_a_file_that_never_holds_still_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from paas.backup import tree

    root = tmp_path / "volumes" / "v"
    root.mkdir(parents=True)
    (root / "busy").write_bytes(b"0" * 5000)
    real = tree.chunks

    def meanwhile(descriptor: int, member: Member) -> Iterator[bytes]:
        yield from real(descriptor, member)
        with (root / "busy").open("ab") as file:
            file.write(b"1" * 100)

    monkeypatch.setattr(tree, "chunks", meanwhile)
    data, notes = of_tree(root.parent, "v")
    assert notes.unsteady == ["volumes/v/busy"]
    unpacked(data, tmp_path / "there")  # the last copy counts
    assert (tmp_path / "there/volumes/v/busy").read_bytes() == b"0" * 5000 + b"1" * 200


def test_a_file_cut_short_while_it_is_read_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from paas.backup import tree

    root = tmp_path / "volumes" / "v"
    root.mkdir(parents=True)
    (root / "short").write_bytes(b"long" * 100_000)
    real, turns = tree.chunks, []

    def meanwhile(descriptor: int, member: Member) -> Iterator[bytes]:
        turns.append(member.size)
        if len(turns) == 1:
            (root / "short").write_bytes(b"short")
        yield from real(descriptor, member)

    monkeypatch.setattr(tree, "chunks", meanwhile)
    data, notes = of_tree(root.parent, "v")
    assert turns == [400_000, 5]
    assert notes.unsteady == []
    unpacked(data, tmp_path / "there")
    assert (tmp_path / "there/volumes/v/short").read_bytes() == b"short"


# -- archives that were not made by us -----------------------------------------------------


LINK = (Member("volumes/v/way", Kind.LINK, 0o777, target="OUTSIDE"), b"")
HOSTILE = {
    "through a link": [VOLUME, LINK, (Member("volumes/v/way/prey", size=4), b"evil")],
    "a folder in place of a link": [
        VOLUME, LINK, (Member("volumes/v/way", Kind.FOLDER, 0o777), b""),
    ],
    "a file in place of a link": [VOLUME, LINK, (Member("volumes/v/way", size=4), b"evil")],
    "a folder twice": [VOLUME, VOLUME],
    "a link twice": [VOLUME, LINK, LINK],
    "a file in place of a folder": [
        VOLUME, (Member("volumes/v/d", Kind.FOLDER, 0o755), b""),
        (Member("volumes/v/d", size=4), b"evil"),
    ],
    "no folder at all": [(Member("volumes/v/file", size=4), b"evil")],
    "a file as a folder": [
        VOLUME, (Member("volumes/v/f", size=1), b"x"), (Member("volumes/v/f/g", size=1), b"x"),
    ],
    "a twin of nothing": [VOLUME, (Member("volumes/v/t", Kind.TWIN, target="volumes/v/no"), b"")],
    "a twin through a link": [
        VOLUME, LINK, (Member("volumes/v/t", Kind.TWIN, target="volumes/v/way/prey"), b""),
    ],
    "an access list of nonsense": [
        VOLUME,
        (Member("volumes/v/f", attributes={"system.posix_acl_access": b"nonsense!"}), b""),
    ],
    "an attribute too long": [
        VOLUME, (Member("volumes/v/f", attributes={"user.x": b"x" * 100_000}), b""),
    ],
}  # fmt: skip


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_is_refused_and_touches_nothing_outside(
    members: list[tuple[Member, bytes]], tmp_path: Path
):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "prey").write_text("prey")
    before = described(outside)
    aimed = [
        (Member(m.path, m.kind, m.mode, target=str(outside) if m is LINK[0] else m.target,
                size=m.size, attributes=m.attributes), content)
        for m, content in members
    ]  # fmt: skip
    with pytest.raises(PaasError) as error:
        unpacked(written(aimed), tmp_path / "there")
    assert "nothing was changed" in error.value.hint
    assert described(outside) == before


def test_what_is_roots_alone_is_written_as_it_is_read_whatever_lies_there(tmp_path: Path):
    """Logs have two names while they are rotated; a certificate may belong to somebody."""
    folder = tmp_path / "logs" / "blog"
    folder.mkdir(parents=True)
    (folder / "web.log").write_text("line\n")
    os.link(folder / "web.log", folder / "web.log.0")
    os.chown(folder / "web.log", 1000, 1000)
    (folder / "web.log").chmod(0o4755)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "/".join("d" * 9)).mkdir(parents=True)
    os.setxattr(folder / "web.log", "user.x", b"y")
    data, notes = of_tree(folder.parent, "blog", "logs")
    found = {member.path: member for member in read(data)}
    assert found["logs/blog/web.log"] == replace(
        found["logs/blog/web.log.0"], path="logs/blog/web.log"
    )
    assert (found["logs/blog/web.log"].uid, found["logs/blog/web.log"].mode) == (0, 0o755)
    assert len(notes.left_out) == 2
