"""What is installed in a layer is found by what package managers leave there."""

import io
import json
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from paas.command import Runner
from paas.image.errands import Errands
from paas.image.inventory import inventory

RUNC = Path("/usr/sbin/runc")  # a Go program that every machine of ours has
DPKG = """\
Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.5.1-1
Description: toolkit
 Version: 9 of nothing

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
METADATA = """\
Metadata-Version: 2.1
Name: Flask
Version: 3.0.0
Classifier: License :: OSI Approved :: BSD License
Classifier: Programming Language :: Python

Name: not a header
"""
GEMSPEC = """\
Gem::Specification.new do |s|
  s.name = "rack".freeze
  s.version = "3.1.8"
  s.licenses = ["MIT".freeze]
end
"""
CARGO = """\
[[package]]
name = "mine"
version = "0.1.0"

[[package]]
name = "serde"
version = "1.0.219"
source = "registry+somewhere"
"""


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def told(root: Path) -> dict[str, list[list[object]]]:
    found: dict[str, list[list[object]]] = inventory(root)["files"]
    return found


def archive(entries: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return data.getvalue()


def test_every_package_managers_records_are_read(tmp_path: Path):
    write(
        tmp_path,
        {
            "var/lib/dpkg/status": DPKG,
            "lib/apk/db/installed": "P:musl\nV:1.2.5-r9\nL:MIT\n\nP:busybox\nV:1.37\n",
            "app/.venv/lib/python3.13/site-packages/flask-3.0.0.dist-info/METADATA": METADATA,
            "app/node_modules/@babel/core/package.json": json.dumps(
                {"name": "@babel/core", "version": "7.1.0", "license": "MIT"}
            ),
            "app/node_modules/old/package.json": json.dumps(
                {"name": "old", "version": "0.1.0", "licenses": [{"type": "ISC"}]}
            ),
            "app/node_modules/old/test/package.json": '{"name": "fixture", "version": "1"}',
            "app/.yarn/cache/@types-node-npm-20.1.0-0123456789-abc.zip": b"PK",
            "app/vendor/bundle/ruby/3.3.0/specifications/rack-3.1.8.gemspec": GEMSPEC,
            "app/vendor/composer/installed.json": json.dumps(
                {"packages": [{"name": "monolog/monolog", "version": "3.9", "license": ["MIT"]}]}
            ),
            "app/Cargo.lock": CARGO,
        },
    )
    found = [(*one[:3], tuple(one[3])) for ones in told(tmp_path).values() for one in ones]
    assert sorted(found) == sorted(
        [
            ("deb", "openssl:amd64", "3.5.1-1", ()),
            ("apk", "musl", "1.2.5-r9", ("MIT",)),
            ("apk", "busybox", "1.37", ()),
            ("pypi", "Flask", "3.0.0", ("BSD License",)),
            ("npm", "@babel/core", "7.1.0", ("MIT",)),
            ("npm", "old", "0.1.0", ("ISC",)),
            ("npm", "@types/node", "20.1.0", ()),
            ("gem", "rack", "3.1.8", ("MIT",)),
            ("composer", "monolog/monolog", "3.9", ("MIT",)),
            ("cargo", "serde", "1.0.219", ()),
        ]
    )


def test_a_go_program_tells_the_modules_it_was_built_from(tmp_path: Path):
    write(tmp_path, {"app/bin/server": RUNC.read_bytes(), "app/bin/ls": b"\x7fELF" + bytes(90000)})
    for name in ("server", "ls"):
        (tmp_path / "app/bin" / name).chmod(0o755)
    found = told(tmp_path)
    [[kind, name, version, _]] = found["app/bin/server"]  # Debian builds without modules
    assert (kind, name) == ("golang", "stdlib")
    assert str(version).startswith("1.")
    assert "app/bin/ls" not in found


def go_program(modules: str) -> bytes:
    """An ELF file with the section that Go's linker writes (debug/buildinfo)."""

    def string(data: bytes) -> bytes:
        assert len(data) < 1 << 14
        return bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data

    info = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    info += string(b"go1.24.4") + string(b"s" * 16 + modules.encode() + b"e" * 16)
    names = b"\0.shstrtab\0.go.buildinfo\0"
    heads = [(0, 0, 0), (1, 64, len(names)), (11, 64 + len(names), len(info))]
    table = 64 + len(names) + len(info)
    head = bytearray(64)
    head[:6], head[0x28:0x30] = b"\x7fELF\x02\x01", table.to_bytes(8, "little")
    head[0x3A:0x40] = struct.pack("<HHH", 64, len(heads), 1)
    sections = b"".join(struct.pack("<IIQQQQ24x", n, 1, 0, 0, at, size) for n, at, size in heads)
    return bytes(head) + names + info + sections + bytes(1 << 17)


def test_replaced_modules_count_as_what_they_were_replaced_by(tmp_path: Path):
    modules = (
        "path\tdemo\nmod\tdemo\t(devel)\t\n"
        "dep\tgithub.com/gorilla/mux\tv1.8.1\th1:x=\n"
        "dep\texample.com/old\tv1.0.0\n=>\texample.com/new\tv1.1.0\th1:y=\n"
    )
    write(tmp_path, {"app/bin/server": go_program(modules)})
    (tmp_path / "app/bin/server").chmod(0o755)
    assert [tuple(one[1:3]) for one in told(tmp_path)["app/bin/server"]] == [
        ("stdlib", "1.24.4"),
        ("github.com/gorilla/mux", "v1.8.1"),
        ("example.com/new", "v1.1.0"),
    ]


def test_java_archives_tell_what_maven_put_into_them(tmp_path: Path):
    pom = b"groupId=org.demo\nartifactId=core\nversion=1.2\n"
    inner = archive({"META-INF/maven/org.demo/core/pom.properties": pom})
    outer = archive(
        {"BOOT-INF/lib/core-1.2.jar": inner, "BOOT-INF/lib/commons-text-1.10.0.jar": b"no archive"}
    )
    write(tmp_path, {"app/app.jar": outer, "app/lib/slf4j-api-2.0.1.jar": archive({"a": b""})})
    found = told(tmp_path)
    assert found["app/lib/slf4j-api-2.0.1.jar"] == [["maven", "slf4j-api", "2.0.1", []]]
    outer = archive({"BOOT-INF/lib/core-1.2.jar": inner, "BOOT-INF/lib/x-2.jar": archive({})})
    write(tmp_path, {"app/app.jar": outer})
    assert told(tmp_path)["app/app.jar"] == [
        ["maven", "org.demo/core", "1.2", []],
        ["maven", "x", "2", []],
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("var/lib/dpkg/status", b"\xff\xfe\x00"),
        ("a/node_modules/x/package.json", b'{"name": ["x"], "version": {}}'),
        ("a/node_modules/x/package.json", b"[" * 100_000),
        ("a/x.dist-info/METADATA", b"no headers"),
        ("a/composer/installed.json", b'{"packages": {"a": 1}}'),
        ("a/Cargo.lock", b"= ="),
        ("a/x.jar", b"PK\x05\x06" + bytes(18)),
        ("a/x.jar", b"PK\x03\x04 cut"),
        ("a/b.gemspec", b""),
    ],
)
def test_a_record_that_cannot_be_understood_tells_nothing(
    tmp_path: Path, name: str, content: bytes
):
    write(tmp_path, {name: content})
    found = inventory(tmp_path)
    assert all(str(one[1]) == "['x']" for ones in found["files"].values() for one in ones)


def test_an_elf_that_lies_about_its_sections_tells_nothing(tmp_path: Path):
    head = bytearray(b"\x7fELF\x02\x01" + os.urandom(100_000))
    head[0x3A:0x40] = (64).to_bytes(2, "little") + b"\xe8\x03" + b"\xff\xff"
    write(tmp_path, {"app/bin/liar": bytes(head)})
    (tmp_path / "app/bin/liar").chmod(0o755)
    assert told(tmp_path) == {}


def test_no_link_is_followed_and_no_device_or_pipe_is_opened(tmp_path: Path):
    layer = tmp_path / "layer"
    (layer / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "secret").write_text(DPKG)
    (layer / "var/lib/dpkg/status").symlink_to(tmp_path / "secret")
    os.mkfifo(layer / "Cargo.lock")
    (layer / "lib").symlink_to(tmp_path)
    assert told(layer) == {}


def test_what_a_layer_hides_of_those_below_is_told(tmp_path: Path):
    (tmp_path / "app/kept").mkdir(parents=True)
    os.setxattr(tmp_path / "app", "trusted.overlay.opaque", b"y")
    os.mknod(tmp_path / "app/removed", stat.S_IFCHR, os.makedev(0, 0))
    assert sorted(inventory(tmp_path)["hidden"]) == ["app", "app/removed"]


def test_an_errand_takes_stock_as_well(tmp_path: Path):
    write(tmp_path, {"var/lib/dpkg/status": DPKG})
    with Errands(Runner(), hurry=True) as errands:
        found = errands.inventory(tmp_path)
    assert found == inventory(tmp_path)
    assert found["files"]["var/lib/dpkg/status"] == [["deb", "openssl:amd64", "3.5.1-1", []]]


def test_a_huge_record_of_nothing_tells_nothing_and_the_rest_is_told(tmp_path: Path):
    huge = b"[" + b"{}," * (1 << 21) + b"{}]"  # some 150 MB once it is parsed
    write(tmp_path, {f"a{n}/composer/installed.json": huge for n in range(2)})
    write(tmp_path, {"var/lib/dpkg/status": DPKG})
    with Errands(Runner(), hurry=True) as errands:
        found = errands.inventory(tmp_path)
    assert [len(one) for one in found["files"].values()] == [0, 0, 1]
