"""Programs and archives that carry the list of what they were made of, read.

Go programs (debug/buildinfo) and Java archives (Maven's pom.properties). Standard library
only. Hostile files are expected: everything is read to a bound.
"""

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from paas.image.package_records import Package

ELF_64 = b"\x7fELF\x02\x01"  # 64 bits, little endian (elf(5))
SECTION_BYTES = 64
SECTIONS_AT_MOST = 1000
NAMES_BYTES = 1 << 16
BUILD_INFO = b".go.buildinfo\0"
MAGIC = b"\xff Go buildinf:"
INLINE = 2  # a flag: the strings follow, as since Go 1.18
INFO_BYTES = 4 << 20
SENTINEL = 16  # bytes around the list of modules
POM = re.compile(r"^META-INF/maven/([^/]+)/([^/]+)/pom\.properties$")
LIBRARY = re.compile(r"^(?:BOOT-INF|WEB-INF)/lib/([^/]+)\.jar$")
FILE_NAME = re.compile(r"(.+?)-(\d[^/]*)")
POM_BYTES = 64 << 10
ENTRIES_AT_MOST = 100_000
NESTED_AT_MOST = 2000


# -- Go --------------------------------------------------------------------------------------


def of_program(file: BinaryIO, _path: str) -> Iterator[Package]:
    """The modules a Go program was built from, and Go itself; nothing for other programs."""
    if file.read(len(ELF_64)) != ELF_64:
        return
    info = build_info(file)
    if len(info) < 32 or not info.startswith(MAGIC) or not info[15] & INLINE:
        return
    version, rest = string(info[32:])
    modules, _ = string(rest)
    yield Package("golang", "stdlib", version.decode(errors="replace").removeprefix("go"))
    yield from of_modules(modules[SENTINEL:-SENTINEL].decode(errors="replace"))


def of_modules(text: str) -> Iterator[Package]:
    """`dep` lines, and `=>` in place of the line before where a module was replaced."""
    last: Package | None = None
    for line in text.splitlines():
        kind, *words = line.split("\t")
        if kind == "=>" and len(words) >= 2:
            last = Package("golang", words[0], words[1])
        elif kind == "dep" and len(words) >= 2:
            if last:
                yield last
            last = Package("golang", words[0], words[1])
    if last:
        yield last


def string(data: bytes) -> tuple[bytes, bytes]:
    """A string after its length (a varint), and what follows it."""
    length = shift = place = 0
    while True:
        byte = data[place]
        length |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return data[place : place + length], data[place + length :]


def build_info(file: BinaryIO) -> bytes:
    """The section with what Go notes of a build; b"" where there is none."""
    file.seek(0x28)
    (table,) = struct.unpack("<Q", file.read(8))
    file.seek(0x3A)
    size, count, names_at = struct.unpack("<HHH", file.read(6))
    if size != SECTION_BYTES or not 0 < count <= SECTIONS_AT_MOST:
        return b""
    file.seek(table)
    heads = [struct.unpack("<IIQQQQ", file.read(size)[:40]) for _ in range(count)]
    names = read_at(file, heads[names_at][4], min(heads[names_at][5], NAMES_BYTES))
    for name, _, _, _, place, length in heads:
        if names[name : name + len(BUILD_INFO)] == BUILD_INFO:
            return read_at(file, place, min(length, INFO_BYTES))
    return b""


def read_at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


# -- Java ------------------------------------------------------------------------------------


def of_jar(file: BinaryIO, path: str) -> Iterator[Package]:
    """What Maven notes in an archive, and those in it that it carries along."""
    try:
        with zipfile.ZipFile(file) as jar:
            found = list(of_entries(jar))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError) as error:
        raise ValueError(str(error)) from error
    yield from found or of_name(path.rpartition("/")[2].removesuffix(".jar"))


def of_entries(jar: zipfile.ZipFile) -> Iterator[Package]:
    nested = 0
    for entry in jar.infolist()[:ENTRIES_AT_MOST]:
        if POM.match(entry.filename):
            yield from of_pom(jar, entry)
        elif (library := LIBRARY.match(entry.filename)) and nested < NESTED_AT_MOST:
            nested += 1
            yield from of_library(jar, entry, library[1])


def of_library(jar: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Iterator[Package]:
    """An archive in an archive: looked into where it is stored as it is, else by its name."""
    found: list[Package] = []
    if entry.compress_type == zipfile.ZIP_STORED:
        with jar.open(entry) as inner, zipfile.ZipFile(inner) as library:
            poms = [one for one in library.infolist()[:ENTRIES_AT_MOST] if POM.match(one.filename)]
            found = [package for one in poms for package in of_pom(library, one)]
    yield from found or of_name(name)


def of_pom(jar: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[Package]:
    """groupId, artifactId and version, as properties."""
    with jar.open(entry) as file:
        lines = file.read(POM_BYTES).decode(errors="replace").splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    group, artifact = values.get("groupId", ""), values.get("artifactId", "")
    if group and artifact:
        yield Package("maven", f"{group}/{artifact}".strip(), values.get("version", "").strip())


def of_name(name: str) -> Iterator[Package]:
    """A library that tells nothing but by its file's name: commons-text-1.10.0."""
    match = FILE_NAME.fullmatch(name)
    if match:
        yield Package("maven", match[1], match[2])
