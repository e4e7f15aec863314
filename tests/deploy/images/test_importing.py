"""Images from elsewhere: what comes out of an archive is what went in."""

import os
import stat

import pytest

from paas.errors import PaasError
from tests.deploy.images import archives
from tests.deploy.images.archives import Member, folder, hardlink, symlink
from tests.deploy.images.conftest import House

BASE = archives.layer(
    folder("etc"),
    Member("etc/passwd", b"root:x:0:0::/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n"),
    Member("etc/group", b"root:x:0:\nnode:x:1001:\nvideo:x:44:node\n"),
    folder("srv", mode=0o2775, uid=33, gid=44),
    Member("srv/data", b"one", uid=33, gid=44, mode=0o640),
    hardlink("srv/again", "srv/data"),
    symlink("srv/link", "/etc/passwd"),
    Member("srv/su", b"", mode=0o4755),
    folder("old"),
    Member("old/a", b"a"),
    Member("old/b", b"b"),
)
UPPER = archives.layer(
    folder("srv"),
    Member("srv/.wh.data"),
    folder("old"),
    Member("old/.wh..wh..opq"),
    Member("old/c", b"c"),
    Member("dev/console", b"", b"3", device=(5, 1)),
)


def test_files_come_out_with_their_owners_modes_links_and_times(house: House) -> None:
    image = house.load(archives.docker_archive([BASE]), house.app)
    root, base = house.files(image, 0), house.platform.settings.uids(house.app.slot)
    found = (root / "srv/data").stat()
    assert (root / "srv/data").read_bytes() == b"one"
    assert (found.st_uid - base, found.st_gid - base, found.st_mtime) == (33, 44, 1_700_000_000)
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert (root / "srv/again").stat().st_ino == found.st_ino
    assert (root / "srv/link").readlink().as_posix() == "/etc/passwd"
    assert stat.S_IMODE((root / "srv/su").stat().st_mode) == 0o4755
    assert stat.S_IMODE((root / "srv").stat().st_mode) == 0o2775
    assert (root / "srv").stat().st_mtime == 1_700_000_000


def test_what_a_layer_hides_is_hidden_by_the_overlay(house: House) -> None:
    image = house.load(archives.docker_archive([BASE, UPPER]), house.app)
    root = house.files(image, 1)
    assert stat.S_ISCHR((root / "srv/data").lstat().st_mode)
    assert (root / "srv/data").lstat().st_rdev == 0
    assert os.getxattr(root / "old", "trusted.overlay.opaque") == b"y"
    assert not (root / "dev/console").exists()
    assert sorted(path.name for path in (root / "old").iterdir()) == ["c"]


@pytest.mark.parametrize("compressed", [False, True])
def test_an_oci_archive_is_as_good_as_dockers(house: House, compressed: bool) -> None:
    files = archives.oci_layout([BASE, UPPER], compressed=compressed)
    image = house.load(archives.archive_of(files), house.app)
    assert len(image.layers) == 2
    assert house.load(archives.docker_archive([BASE, UPPER]), house.app).layers == image.layers


def test_an_image_for_everybody_is_stored_for_everybody(house: House) -> None:
    image = house.load(archives.docker_archive([BASE]))
    layer = house.platform.layers.stored(image.layers[0])
    assert layer.uid_base == house.platform.layers.common_base
    assert (house.files(image, 0) / "srv/data").stat().st_uid - layer.uid_base == 33


def test_the_image_says_how_it_wants_to_be_run(house: House) -> None:
    document = archives.config(
        [BASE],
        User="node",
        Entrypoint=["/entry"],
        Cmd=["serve", "a b"],
        Env=["PATH=/opt/bin", "EMPTY=", "=x", "NO"],
        WorkingDir="/srv",
        ExposedPorts={"8080/tcp": {}, "53/udp": {}, "80": {}},
        Volumes={"/srv/v": {}},
        Labels={"a": "b"},
        StopSignal="SIGQUIT",
        Healthcheck={"Test": ["CMD-SHELL", "true || false"], "Interval": 2 * 10**9, "Retries": 4},
    )
    image = house.load(archives.docker_archive([BASE], document), house.app)
    config = image.config
    assert config is not None
    assert (config.user.uid, config.user.gid, config.user.groups) == (1000, 1001, (44,))
    assert (config.user.home, config.entrypoint, config.directory) == (
        "/home/node",
        ("/entry",),
        "/srv",
    )
    assert image.processes == {"web": "serve 'a b'"}
    assert image.environment == {"PATH": "/opt/bin", "EMPTY": ""}
    assert (config.ports, config.volumes, config.labels) == ((80, 8080), ("/srv/v",), {"a": "b"})
    assert config.stop_signal == 3
    assert config.health is not None
    assert config.health.command == ("/bin/sh", "-c", "true || false")
    assert (config.health.interval_s, config.health.retries) == (2.0, 4)
    assert [(step.words, step.layer) for step in image.steps] == [("step 0", image.layers[0].id)]


def test_the_wanted_image_is_taken_out_of_an_archive_of_several(house: House) -> None:
    one, two = archives.layer(Member("one")), archives.layer(Member("two"))
    files = {}
    manifests = []
    for name, data in (("x:one", one), ("x:two", two)):
        text = archives.json.dumps(archives.config([data])).encode()
        files |= {f"{name[2:]}.json": text, f"{name[2:]}.tar": data}
        manifests.append(
            {"Config": f"{name[2:]}.json", "RepoTags": [name], "Layers": [f"{name[2:]}.tar"]}
        )
    files["manifest.json"] = archives.json.dumps(manifests).encode()
    image = house.load(archives.archive_of(files), house.app, "x:two")
    assert (house.files(image, 0) / "two").exists()
    with pytest.raises(PaasError):
        house.load(archives.archive_of(files), house.app)


def test_a_missing_user_is_named(house: House) -> None:
    document = archives.config([BASE], User="nobody-here")
    with pytest.raises(PaasError, match="nobody-here"):
        house.load(archives.docker_archive([BASE], document), house.app)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b\x08\x00broken", bytes(10240)])
def test_what_is_no_image_is_refused_in_words(house: House, data: bytes) -> None:
    with pytest.raises(PaasError, match=r"archive|image"):
        house.load(data, house.app)
    assert house.left_behind() == []


def test_nothing_is_left_on_the_bench(house: House) -> None:
    house.load(archives.docker_archive([BASE, UPPER]), house.app)
    assert house.left_behind() == []
