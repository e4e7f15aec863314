"""Images that attack whoever unpacks them: by names, links, sizes, numbers and descriptions."""

import gzip
import io
import json
import os
import secrets
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paas.deploy.images import obtaining
from paas.deploy.workshop import BUILDPACKS
from paas.errors import PaasError
from paas.model import oci
from tests.deploy.images import archives
from tests.deploy.images.archives import Member, folder, hardlink, symlink
from tests.deploy.images.conftest import House, house_of

sys.path.insert(0, str(BUILDPACKS))

from images import untar
from lifecycle.say import Failure

MIB = 1 << 20


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with house_of(image_max_bytes=32 * MIB, image_max_files=1500) as made:
        yield made


@pytest.fixture(autouse=True)
def canary(house: House) -> Iterator[Path]:
    """Files of the host and of a neighbour's layer, untouched whatever an image tries."""
    root = house.platform.settings.state_dir
    files = [root / "canary", root / "layers" / "canary"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("alive")
    before = {path.name for path in root.parent.iterdir()}
    yield files[0]
    assert [path.read_text() for path in files] == ["alive", "alive"]
    assert {path.name for path in root.parent.iterdir()} == before
    assert house.left_behind() == []


def refused(house: House, archive: bytes, words: str) -> str:
    """The sentence with which an archive is refused; nothing in it drives a terminal."""
    with pytest.raises(PaasError) as caught:
        house.load(archive, house.app)
    message = f"{caught.value.message} {caught.value.hint}"
    assert words in message
    assert all(one.isprintable() for one in message)
    return message


OUTSIDE = "outside of it"
THROUGH = "no directory"
LINKED = "no file of the same layer"

LAYERS = {
    "a name with dots": ([Member("../canary", b"dead")], OUTSIDE),
    "dots in the middle": ([Member("a/../../../canary", b"dead")], OUTSIDE),
    "a directory with dots": ([folder("../../evil")], OUTSIDE),
    "a link, then through it": ([symlink("a", ".."), Member("a/canary", b"dead")], THROUGH),
    "an absolute link, then through it": (
        [symlink("a", "/result"), Member("a/image.json", b"{}")],
        THROUGH,
    ),
    "a link to another layer": ([symlink("a", "/out/1"), Member("a/x", b"dead")], THROUGH),
    "a chain of links": (
        [folder("d"), symlink("d/a", ".."), symlink("b", "d/a"), Member("b/canary", b"dead")],
        THROUGH,
    ),
    "a directory turned into a link": (
        [folder("a"), Member("a/x"), symlink("a", "/"), Member("a/canary", b"dead")],
        THROUGH,
    ),
    "through a file": ([Member("a", b"x"), Member("a/b", b"y")], THROUGH),
    "a hard link with dots": ([hardlink("a", "../../canary")], OUTSIDE),
    "a hard link through a link": ([symlink("a", "/etc"), hardlink("b", "a/passwd")], THROUGH),
    "a hard link to nothing": ([hardlink("a", "etc/passwd")], LINKED),
    "a hard link to a directory": ([folder("d"), hardlink("a", "d")], LINKED),
    "a hard link to the root": ([hardlink("a", "./")], LINKED),
    "a block device": (
        [folder("srv"), Member("srv/disk", b"", tarfile.BLKTYPE, device=(8, 0), mode=0o666)],
        "a device",
    ),
    "a character device": (
        [Member("mem", b"", tarfile.CHRTYPE, device=(1, 1), mode=0o666)],
        "a device",
    ),
    "dev as a link": ([symlink("dev", "/tmp")], "/dev of the image"),
    "proc as a file": ([Member("proc", b"")], "/proc of the image"),
    "sys as a link": ([symlink("./sys", "/proc")], "/sys of the image"),
    "a user beyond the app's": ([Member("x", b"", uid=1_000_000)], "65535"),
    "a group beyond the app's": ([Member("x", b"", gid=70_000)], "65535"),
    "hides its own parent": ([folder("a"), Member("a/.wh...")], "hides what cannot"),
    "hides nothing": ([Member(".wh.")], "hides what cannot"),
    "nested too deeply": ([Member("d/" * 200 + "x")], "too deeply"),
    "a name too long": ([Member("x" * 300)], "too long a name"),
    "a path too long": ([Member("abcdefgh/" * 600 + "x")], "too long a name"),
    "an unknown kind": ([Member("x", b"", b"V")], "no file"),
    "drives terminals": ([Member("\x1b[2J\x1b]0;x\x07../../canary/..", b"")], OUTSIDE),
    "more files than allowed": ([Member(f"{n}") for n in range(2000)], "more files"),
    "larger than allowed": ([Member("x", bytes(40 * MIB))], "larger than"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_reaches_out_is_refused(name: str, tmp_path: Path) -> None:
    members, words = LAYERS[name]
    canary, target = tmp_path / "canary", tmp_path / "out" / "0"
    target.mkdir(parents=True)
    canary.write_text("alive")
    budget = untar.Budget(32 * MIB, 1500)
    with pytest.raises(Failure) as caught:
        untar.unpack(io.BytesIO(archives.layer(*members)), str(target), budget)
    assert words in caught.value.message
    assert all(one.isprintable() for one in caught.value.message)
    assert canary.read_text() == "alive"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canary", "out"]
    assert [path.name for path in target.parent.iterdir()] == ["0"]


@pytest.mark.parametrize("name", ["a link, then through it", "drives terminals", "a block device"])
def test_and_so_does_the_platform(house: House, name: str) -> None:
    members, words = LAYERS[name]
    refused(house, archives.docker_archive([archives.layer(*members)]), words)


def test_absolute_names_stay_inside(house: House, canary: Path) -> None:
    data = archives.layer(Member(str(canary), b"dead"), Member("//etc//x", b"in"))
    image = house.load(archives.docker_archive([data]), house.app)
    root = house.files(image, 0)
    assert (root / str(canary).lstrip("/")).read_text() == "dead"
    assert (root / "etc/x").read_text() == "in"


def test_a_later_layer_does_not_write_through_a_link_of_an_earlier_one(house: House) -> None:
    below = archives.layer(symlink("a", "/result"))
    above = archives.layer(Member("a/image.json", b"{}"))
    image = house.load(archives.docker_archive([below, above]), house.app)
    assert (house.files(image, 1) / "a/image.json").read_text() == "{}"
    assert (house.files(image, 0) / "a").is_symlink()


def test_a_hole_of_a_terabyte_is_refused_at_once(house: House) -> None:
    info = tarfile.TarInfo("hole")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "hole",
        "GNU.sparse.realsize": str(1 << 40),
    }
    table = f"1\n{(1 << 40) - 1}\n1\n".encode().ljust(512, b"\0") + b"x"
    info.size = len(table)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(table))
    refused(house, archives.docker_archive([target.getvalue()]), "larger than")


def test_a_small_file_that_unzips_to_gigabytes_is_refused(house: House) -> None:
    bomb = gzip.compress(bytes(200 * MIB), 9)
    files = archives.oci_layout([b"x"])
    blob = next(name for name, data in files.items() if data == b"x")
    manifest = next(name for name, data in files.items() if b'"layers": [' in data)
    rewritten = json.loads(files.pop(manifest))
    del files[blob]
    rewritten["layers"] = [archives.described(bomb, rewritten["layers"][0]["mediaType"] + "+gzip")]
    text = json.dumps(rewritten).encode()
    files[f"blobs/sha256/{archives.sha256(bomb)}"] = bomb
    files[f"blobs/sha256/{archives.sha256(text)}"] = text
    kind = "application/vnd.oci.image.manifest.v1+json"
    index = {"schemaVersion": 2, "manifests": [archives.described(text, kind)]}
    files["index.json"] = json.dumps(index).encode()
    refused(house, archives.archive_of(files), "larger than")


def test_an_archive_without_an_end_is_refused_by_its_size(house: House) -> None:
    refused(house, bytes(200 * MIB), "larger than")


def test_a_layer_that_is_not_what_it_says_is_refused(house: House) -> None:
    one, two = archives.layer(Member("a", b"1")), archives.layer(Member("a", b"2"))
    with pytest.raises(PaasError):
        house.load(archives.docker_archive([one], archives.config([two])), house.app)


def test_a_layer_cut_short_is_refused(house: House) -> None:
    data = archives.layer(Member("a", b"1" * 5000))[:2000]
    refused(house, archives.docker_archive([data]), "a layer of the image")


def test_a_layer_cannot_redirect_the_overlay(house: House) -> None:
    pax = {
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "SCHILY.xattr.trusted.overlay.opaque": "y",
        "SCHILY.xattr.user.overlay.opaque": "y",
        "SCHILY.xattr.user.kept": "yes",
    }
    data = archives.layer(folder("d", pax=pax), Member("f", b"", pax=pax))
    image = house.load(archives.docker_archive([data]), house.app)
    for name in ("d", "f"):
        assert os.listxattr(house.files(image, 0) / name) == ["user.kept"]


def test_no_one_else_may_look_at_set_id_programs_of_an_image(house: House) -> None:
    data = archives.layer(Member("su", b"#!/bin/sh\n", mode=0o6755))
    image = house.load(archives.docker_archive([data]), house.app)
    path = house.files(image, 0) / "su"
    base = house.platform.settings.uids(house.app.slot)
    assert path.stat().st_uid == base
    assert house.platform.layers.root.stat().st_mode & 0o077 == 0


NAUGHTY = "x" * 200_000
DESCRIPTIONS: dict[str, Any] = {
    "config is a list": {"config": [1]},
    "entrypoint is a number": {"config": {"Entrypoint": 7}},
    "a word with NUL": {"config": {"Cmd": ["a\0b"]}},
    "half a character": {"config": {"Cmd": ["\ud800"]}},
    "a word too long": {"config": {"Cmd": [NAUGHTY]}},
    "too many words": {"config": {"Cmd": ["x"] * 5000}},
    "a user with a line end": {"config": {"User": "root\nx:0"}},
    "a user that is an option": {"config": {"User": "--help"}},
    "a relative directory": {"config": {"WorkingDir": "srv"}},
    "a directory with dots": {"config": {"WorkingDir": "/a/../../../etc"}},
    "volumes with dots": {"config": {"Volumes": {"/../x": {}}}},
    "a port that is none": {"config": {"ExposedPorts": {"http": {}}}},
    "ports that are a list": {"config": {"ExposedPorts": [80]}},
    "a signal that is none": {"config": {"StopSignal": "SIGNOTHING"}},
    "a signal beyond all": {"config": {"StopSignal": "99"}},
    "a check that never comes": {"config": {"Healthcheck": {"Test": ["CMD", "x"], "Retries": -1}}},
    "a check of words": {"config": {"Healthcheck": {"Test": [1, 2]}}},
    "another system": {"os": "windows"},
    "labels that are words": {"config": {"Labels": "x"}},
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_that_is_not_one_is_refused(name: str) -> None:
    with pytest.raises(PaasError) as caught:
        oci.config({**archives.config([]), **DESCRIPTIONS[name]}, "somewhere")
    assert all(one.isprintable() for one in caught.value.message)
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "section",
    [{"User": "70000"}, {"User": "4294967295"}, {"Cmd": ["a\0b"]}],
    ids=str,
)
def test_an_image_so_described_is_refused(house: House, section: dict[str, Any]) -> None:
    data = archives.layer(Member("x"))
    with pytest.raises(PaasError):
        house.load(archives.docker_archive([data], archives.config([data], **section)), house.app)


def test_an_image_to_be_built_upon_becomes_no_app(house: House) -> None:
    data = archives.layer(Member("x"))
    described = archives.config([data], OnBuild=["RUN id"], Cmd=["x"])
    image = house.load(archives.docker_archive([data], described))
    with pytest.raises(PaasError, match="ONBUILD"), house.console() as console:
        obtaining.for_app(house.platform, image, console)


@pytest.mark.parametrize("history", [[1, 2], "x", {"created_by": "x"}])
def test_a_history_of_something_else_is_refused(history: Any) -> None:
    with pytest.raises(PaasError):
        oci.steps({"history": history}, ["layer"])


def test_a_history_in_control_characters_is_shown_without() -> None:
    document = {"history": [{"created_by": "\x1b[2Jevil\n\n--> " + "x" * 5000}]}
    (step,) = oci.steps(document, ["layer"])
    assert step.words.isprintable()
    assert len(step.words) <= 2000


def test_ports_beyond_all_are_no_ports() -> None:
    section = {"ExposedPorts": {"99999": {}, "1-60000": {}, "8080-8079": {}, "0": {}}}
    assert len(oci.config({"config": section}, "").ports) == 100


def test_a_description_as_deep_as_a_well_is_refused(house: House) -> None:
    data = archives.layer(Member("x"))
    archive = archives.docker_archive([data])
    deep = archive.replace(b'"config": {}', b'"config": ' + b"[" * 5000 + b"]" * 5000)
    assert b"[" * 4000 not in archive
    with pytest.raises(PaasError):
        house.load(deep, house.app)


def test_more_layers_than_can_be_mounted_are_refused(house: House) -> None:
    layers = [archives.layer(Member(f"{n}")) for n in range(140)]
    refused(house, archives.docker_archive(layers), "127")


def test_a_marker_in_a_name_is_not_run(house: House) -> None:
    marker = f"marker-{secrets.token_hex(4)}"
    data = archives.layer(Member(f"$(touch {marker})"), Member(f"; touch {marker} #"))
    image = house.load(archives.docker_archive([data], tag="x:$(id)"), house.app)
    assert len(list(house.files(image, 0).iterdir())) == 2
