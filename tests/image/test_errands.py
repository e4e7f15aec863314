"""Errands: trees measured, digested and deleted by a child; links and mounts are not crossed."""

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from paas.command import Child, Runner
from paas.errors import PaasError
from paas.image.digest import digest
from paas.image.durable import remove_tree
from paas.image.errands import Errands, Measure


@pytest.fixture
def errands() -> Iterator[Errands]:
    with Errands(Runner(), hurry=True) as made:
        yield made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "folder").mkdir(parents=True)
    (tmp_path / "tree" / "folder" / "file").write_bytes(b"x" * 100_000)
    return tmp_path / "tree"


def test_the_child_finds_what_is_found_here(errands: Errands, tree: Path):
    assert errands.digest(tree, 0) == digest(tree, 0)
    assert errands.measure(tree).entries == 3


def test_a_file_with_other_names_is_not_freed_with_the_tree(errands: Errands, tree: Path):
    before = errands.measure(tree)
    assert before.bytes == before.own_bytes >= 100_000
    os.link(tree / "folder" / "file", tree / "again")
    twice = errands.measure(tree)
    assert twice.own_bytes == twice.bytes < 150_000  # both names are in the tree
    os.link(tree / "folder" / "file", tree.parent / "elsewhere")
    after = errands.measure(tree)
    assert after.bytes == twice.bytes
    assert after.own_bytes <= after.bytes - 100_000


def test_what_is_not_there_takes_nothing(errands: Errands, tmp_path: Path):
    assert errands.measure(tmp_path / "nothing") == Measure()
    errands.remove(tmp_path / "nothing")


def test_trees_are_deleted_and_what_links_lead_to_stays(errands: Errands, tree: Path):
    precious = tree.parent / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (tree / "link").symlink_to(precious)
    (tree.parent / "linked").symlink_to(precious)
    errands.remove(tree)
    assert not tree.exists()
    assert errands.measure(tree.parent / "linked").entries == 1
    errands.remove(tree.parent / "linked")
    assert not (tree.parent / "linked").is_symlink()
    assert (precious / "file").exists()


def mounted(source: Path, target: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(os.fsencode(source), os.fsencode(target), None, 4096, None) == 0


def unmounted(target: Path) -> None:
    assert ctypes.CDLL(None).umount2(os.fsencode(target), 2) == 0


@pytest.mark.parametrize("place", ["folder", "."])
def test_what_is_mounted_in_a_tree_or_upon_it_is_never_emptied(tree: Path, place: str):
    data = tree.parent / "data"
    data.mkdir()
    (data / "precious").touch()
    mounted(data, tree / place)
    try:
        with pytest.raises(OSError, match="cross-device"):
            remove_tree(tree)
        with Errands(Runner()) as errands, pytest.raises(OSError, match="cross-device"):
            errands.measure(tree)
        assert (data / "precious").exists()
    finally:
        unmounted(tree / place)
    remove_tree(tree)
    assert not tree.exists()


def test_two_that_delete_one_tree_do_not_trip_over_each_other(tmp_path: Path):
    for number in range(300):
        (tmp_path / "tree" / str(number) / "below").mkdir(parents=True)
    errors: list[Exception] = []

    def remove() -> None:
        try:
            remove_tree(tmp_path / "tree")
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=remove) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert not (tmp_path / "tree").exists()


def test_errands_can_be_ended_from_another_thread(tmp_path: Path):
    (tmp_path / "big").mkdir()
    with (tmp_path / "big" / "file").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 8 << 30)  # takes many seconds to read
    with Errands(Runner()) as errands:
        assert errands.measure(tmp_path / "big").entries == 2

        def stop() -> None:
            assert errands._child is not None
            until_open(errands._child.pid, tmp_path / "big" / "file")
            errands.stop()

        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(PaasError, match="has ended"):
            errands.digest(tmp_path / "big", 0)
        thread.join()
        with pytest.raises(PaasError, match="over"):
            errands.measure(tmp_path)


def until_open(pid: int, path: Path) -> None:
    """Wait until a process has a file open."""
    deadline = time.monotonic() + 60
    while path not in opened(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def opened(pid: int) -> Iterator[Path]:
    """The files a process has open; one may be closed while it is looked at."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield descriptor.readlink()


def test_a_child_that_was_just_being_started_is_ended_too(tmp_path: Path):
    class Stopping(Runner):
        """Errands are ended while their child is started."""

        def spawn(self, *argv: Any, **options: Any) -> Child:
            child = super().spawn(*argv, **options)
            errands.stop()
            return child

    with Errands(Stopping()) as errands, pytest.raises(PaasError, match="has ended"):
        errands.measure(tmp_path)


def test_the_child_has_low_priority_and_ends_with_the_block(tmp_path: Path):
    with Errands(Runner()) as errands:
        errands.measure(tmp_path)
        assert errands._child is not None
        pid = errands._child.pid
        assert os.getpriority(os.PRIO_PROCESS, pid) == 19
    assert not Path(f"/proc/{pid}").exists()
