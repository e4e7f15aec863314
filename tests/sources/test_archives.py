"""Archives, good and hostile, as they become a commit."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import time
import zipfile

import pytest

FILES = {"app/run.sh": b"#!/bin/sh\n", "app/deep/page.txt": b"hello", "app/\u00fcml\u00e4ut": b""}


def entry(name: str, data: bytes = b"", **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def tar(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    return tar(*(entry(name, data, mode=0o755 if name.endswith(".sh") else 0o644)
                 for name, data in files.items()))  # fmt: skip


def zip_of(files: dict[str, bytes], **changes: object) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
            info.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            for key, value in changes.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return target.getvalue()


PACKED = {
    "tar": lambda: tar_of(FILES),
    "tar.gz": lambda: gzip.compress(tar_of(FILES)),
    "tar.bz2": lambda: bz2.compress(tar_of(FILES)),
    "tar.xz": lambda: lzma.compress(tar_of(FILES)),
    "zip": lambda: zip_of(FILES),
}


@pytest.mark.parametrize("kind", PACKED)
def test_an_archive_of_any_kind_becomes_a_commit_without_its_top_folder(reader, kind):
    found = reader.archive(PACKED[kind](), type=kind)
    assert reader.files(found["commit"]) == {
        "run.sh": "100755 #!/bin/sh\n",
        "deep/page.txt": "100644 hello",
        "\u00fcml\u00e4ut": "100644 ",
    }
    text = reader.git("cat-file", "commit", found["commit"])
    assert "author Ann <ann@example.com> " in text
    assert text.endswith("\n\nDeploy it\n")
    assert (reader.place / "pack").read_bytes().startswith(b"PACK")


def test_a_folder_that_is_the_apps_own_stays_where_it_is_wished(reader):
    found = reader.archive(tar_of(FILES), strip=False)
    assert "app/run.sh" in reader.files(found["commit"])


def test_two_folders_at_the_top_both_stay(reader):
    found = reader.archive(tar_of({"a/x": b"1", "b/y": b"2"}))
    assert set(reader.files(found["commit"])) == {"a/x", "b/y"}


def test_what_macos_puts_beside_the_files_is_left_out(reader):
    found = reader.archive(zip_of({"app/x": b"1", "__MACOSX/app/._x": b"junk"}))
    assert set(reader.files(found["commit"])) == {"x"}


def test_links_and_hard_links_are_what_they_were(reader):
    found = reader.archive(tar(
        entry("app/x", b"same"),
        entry("app/link", type=tarfile.SYMTYPE, linkname="x"),
        entry("app/hard", type=tarfile.LNKTYPE, linkname="app/x"),
    ))  # fmt: skip
    assert reader.files(found["commit"]) == {
        "x": "100644 same",
        "link": "120000 x",
        "hard": "100644 same",
    }


def test_links_of_a_zip_are_links(reader):
    found = reader.archive(zip_of({"link": b"x"}, external_attr=(stat.S_IFLNK | 0o777) << 16))
    assert reader.files(found["commit"]) == {"link": "120000 x"}


def test_names_of_any_bytes_arrive_as_they_are(reader):
    odd = ['quo"te', "back\\slash", "new\nline", "-rf", "$(id)", "tab\t", "byte\udcff"]
    found = reader.archive(tar_of({f"app/{name}": b"1" for name in odd}))
    assert set(reader.files(found["commit"])) == set(odd)


def test_a_zip_made_on_dos_may_part_folders_with_backslashes(reader):
    data = zip_of({"app\\page.txt": b"1"}, create_system=0, external_attr=0)
    assert set(reader.files(reader.archive(data)["commit"])) == {"page.txt"}


def test_the_same_files_again_make_no_commit(reader):
    first = reader.archive(tar_of(FILES))["commit"]
    again = reader.archive(tar_of(FILES), parent=first)
    assert again == {"commit": first, "changed": False}


# -- hostile ---------------------------------------------------------------------------------

HOSTILE_NAMES = {
    "../evil": "with the path",
    "app/../../evil": "with the path",
    "/etc/passwd": "with the path",
    ".git/hooks/pre-receive": "is git's own",
    "app/.GIT/config": "is git's own",
    "app/.g\u200cit/config": "is git's own",
    "app/git~1/config": "is git's own",
    "app/.git. /config": "is git's own",
    "a" * 5000: "with the path",
}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("pack", [tar_of, zip_of], ids=["tar", "zip"])
def test_names_that_lead_elsewhere_or_are_gits_own_are_refused(reader, pack, name):
    assert HOSTILE_NAMES[name] in reader.refusal(pack({"app/x": b"1", name: b"2"}))


@pytest.mark.parametrize(
    "kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"?"], ids=str
)
def test_devices_and_pipes_are_refused(reader, kind):
    assert "only files, folders and links" in reader.refusal(tar(entry("app/x", type=kind)))


def test_a_device_in_a_zip_is_refused(reader):
    data = zip_of({"x": b""}, external_attr=(stat.S_IFCHR | 0o666) << 16)
    assert "is no file" in reader.refusal(data)


@pytest.mark.parametrize("pack", [tar_of, zip_of], ids=["tar", "zip"])
def test_a_name_that_comes_twice_is_refused(reader, pack):
    first, second = pack({"app/x": b"1"}), None
    if pack is tar_of:
        second = tar(entry("app/x", b"1"), entry("app/./x", b"2"))
    else:
        second = zip_of({"app/x": b"1", "app//x": b"2"})
    assert reader.archive(first)
    (reader.place / "pack").unlink()
    assert "two files named app/x" in reader.refusal(second)


def test_a_name_that_is_a_file_and_a_folder_is_refused(reader):
    assert "both a folder and" in reader.refusal(tar_of({"app/x": b"1", "app/x/y": b"2"}))


def test_a_file_behind_a_link_is_refused(reader):
    data = tar(entry("app/link", type=tarfile.SYMTYPE, linkname="/etc"), entry("app/link/x", b"1"))
    assert "both a folder and" in reader.refusal(data)


@pytest.mark.parametrize("target", ["app/none", "../x", "/etc/passwd", "app/link"])
def test_a_hard_link_to_what_is_no_file_of_the_archive_is_refused(reader, target):
    data = tar(
        entry("app/link", type=tarfile.SYMTYPE, linkname="x"),
        entry("app/hard", type=tarfile.LNKTYPE, linkname=target),
    )
    assert reader.refusal(data)


def test_a_bomb_is_refused_by_what_it_unfolds_to(reader):
    bomb = gzip.compress(tar(entry("app/zeros", bytes(64 << 20))))
    assert len(bomb) < 1 << 20
    began = time.monotonic()
    assert "larger than 8 MiB" in reader.refusal(bomb)
    assert "larger than 8 MiB" in reader.refusal(zip_of({"zeros": bytes(64 << 20)}))
    assert time.monotonic() - began < 60


def test_a_bomb_of_headers_is_refused(reader):
    comment = {"comment": "x" * 900_000}
    many = [entry(f"app/{n}", pax_headers=comment) for n in range(40)]
    assert "larger than 16 MiB" in reader.refusal(gzip.compress(tar(*many)))


def test_a_million_names_are_refused_at_the_first_too_many(reader):
    one = tar(entry("app/x", type=tarfile.DIRTYPE))[:512]
    assert "more than 2,000 files" in reader.refusal(one * 5000)
    many = zip_of({f"{n}.txt": b"" for n in range(2500)})
    assert "more than 2,000 files" in reader.refusal(many)


def test_a_table_of_contents_without_end_is_not_read(reader):
    data = bytearray(zip_of({"x": b"1"}))
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<I", 0xFFFFFFF0)
    assert "more than 2,000 files" in reader.refusal(bytes(data))


DAMAGED = {
    "a tar cut short": lambda: tar(entry("app/x", bytes(50_000)))[:20_000],
    "a gzip cut short": lambda: gzip.compress(tar_of({"app/x": b"1" * 9999}))[:-40],
    "a gzip of noise": lambda: gzip.compress(b"noise" * 400),
    "an xz cut short": lambda: lzma.compress(tar_of(FILES))[:-30],
    "a bz2 of nothing": lambda: b"BZh9 nothing",
    "a zip cut short": lambda: zip_of({"x": b"1" * 9999})[:-30],
    "a zip with other bytes": lambda: zip_of({"x": b"1" * 99}).replace(b"\x03\x04", b"\x03\x05", 1),
    "an empty tar": tar,
    "a page": lambda: b"<html>" + b"not an archive " * 100,
    "nothing": lambda: b"",
    "zstd": lambda: b"\x28\xb5\x2f\xfd" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_no_whole_archive_is_refused_in_words(reader, what):
    words = reader.refusal(DAMAGED[what]())
    assert "Errno" not in words
    assert words


def test_an_encrypted_zip_is_refused(reader):
    data = zip_of({"x": b"secret"})
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark) + offset
        data = data[:at] + b"\x01\x00" + data[at + 2 :]
    assert "encrypted" in reader.refusal(data)


def test_an_archive_of_another_kind_than_was_said_is_refused(reader):
    assert "no zip archive: it begins like tar.gz" in reader.refusal(PACKED["tar.gz"](), type="zip")
