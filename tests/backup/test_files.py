"""Files that are whole or not there, and archives from wherever they come."""

import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from paas.backup.files import archive_at, archive_given, whole_file
from paas.backup.passphrase import passphrase_given, passphrase_in
from paas.console import Console
from paas.errors import PaasError

NOTHING = 0


def test_a_file_is_there_when_it_is_whole_and_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "file"
    with whole_file(path) as descriptor:
        os.write(descriptor, b"half")
        assert list(tmp_path.iterdir()) == []
        os.write(descriptor, b" and half")
    assert path.read_bytes() == b"half and half"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_fails_leaves_the_older_file(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("older")

    def fail() -> None:
        with whole_file(path) as descriptor:
            os.write(descriptor, b"newer")
            raise PaasError("stop")

    with pytest.raises(PaasError, match="stop"):
        fail()
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]
    with whole_file(path) as descriptor:
        os.write(descriptor, b"newer")
    assert path.read_text() == "newer"


def test_a_link_leads_to_the_file_that_is_written(tmp_path: Path):
    (tmp_path / "real").write_text("older")
    (tmp_path / "latest").symlink_to("real")
    with whole_file(tmp_path / "latest") as descriptor:
        os.write(descriptor, b"newer")
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "real").read_text() == "newer"


def test_a_device_a_pipe_and_a_folder_are_left_alone(tmp_path: Path):
    os.mknod(tmp_path / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("null", "pipe", "folder"):
        before = (tmp_path / name).lstat().st_mode
        with pytest.raises(PaasError, match="left alone"), whole_file(tmp_path / name):
            pass
        assert (tmp_path / name).lstat().st_mode == before


def test_a_folder_that_is_not_there_is_named_before_anything_is_written(tmp_path: Path):
    path = tmp_path / "none" / "file"
    with pytest.raises(PaasError, match="no such file or directory"), whole_file(path):
        raise AssertionError("nothing is written")


def test_on_a_disk_without_nameless_files_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "O_TMPFILE", os.O_PATH | os.O_DIRECTORY | os.O_WRONLY)
    real = os.open

    def refusing(path: object, flags: int, *rest: int, **named: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE and flags & os.O_PATH:
            raise OSError(95, "not supported")
        return real(path, flags, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    with whole_file(tmp_path / "file") as descriptor:
        os.write(descriptor, b"whole")
    assert (tmp_path / "file").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# -- archives ----------------------------------------------------------------------------


def console(stdin: int) -> Console:
    null = os.open(os.devnull, os.O_WRONLY)
    return Console(stdin, null, null)


def test_an_archive_from_a_pipe_is_kept_in_a_file_without_a_name(tmp_path: Path):
    data, folder = os.urandom(3 << 20), tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "archive").write_bytes(data)
    with subprocess.Popen(["cat", str(tmp_path / "archive")], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        with archive_given(console(cat.stdout.fileno()), folder, NOTHING) as descriptor:
            assert os.pread(descriptor, len(data) + 1, 0) == data
            assert list(folder.iterdir()) == []


def test_a_file_on_standard_input_is_used_as_it_is(tmp_path: Path):
    with tempfile.TemporaryFile() as file:
        file.write(b"archive")
        file.seek(0)
        with archive_given(console(file.fileno()), tmp_path, NOTHING) as descriptor:
            assert descriptor == file.fileno()


def test_an_upload_that_would_fill_the_disk_is_refused(tmp_path: Path):
    with tempfile.TemporaryFile() as file:
        file.write(b"xx")
        file.seek(1)  # not at its begin: it is copied
        given = archive_given(console(file.fileno()), tmp_path, 1 << 60)
        with pytest.raises(PaasError, match="left free"), given:
            pass


def test_an_archive_is_a_regular_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none"):
        with pytest.raises(PaasError) as error, archive_at(path):
            pass
        assert str(path) in error.value.message


# -- passphrases --------------------------------------------------------------------------


def test_a_passphrase_is_the_first_line_and_leaves_the_rest(tmp_path: Path):
    reader, writer = os.pipe()
    os.write(writer, "fünf gute Worte\narchive".encode())
    os.close(writer)
    given = console(reader)
    assert passphrase_given(given) == "fünf gute Worte"
    assert given.read() == b"archive"
    os.close(reader)
    path = tmp_path / "passphrase"
    path.write_text("five good words\r\nnot this\n")
    path.chmod(0o600)
    assert passphrase_in(path) == "five good words"


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\n", b"x" * 5000]
)
def test_what_is_no_passphrase_is_refused_without_being_repeated(tmp_path: Path, content: bytes):
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(PaasError) as error:
        passphrase_in(path)
    assert "short" not in error.value.message
