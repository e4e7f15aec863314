"""Images of ours elsewhere and back: every tool takes them, and every file comes back."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paas.deploy.images import exporting
from paas.image import rootfs
from paas.model.release import Image
from tests.deploy.images import archives
from tests.deploy.images.archives import Member, folder
from tests.deploy.images.conftest import House
from tests.deploy.images.test_importing import BASE, UPPER

# a file's capabilities, revision 2: cap_net_raw, effective
NET_RAW = "\x01\x00\x00\x02\x00\x20" + "\x00" * 14
ROOMY = archives.layer(
    folder("var/empty"),
    Member("bin/ping", b"\x7fELF", mode=0o755, pax={
        "SCHILY.xattr.security.capability": NET_RAW,
        "SCHILY.xattr.user.note": "kept",
    }),
    Member("caf\u00e9/na\udcffme", b"bytes that are no text"),
    Member("long/" + "x" * 180 + "/" + "y" * 180, b"deep"),
    Member("pipe", b"", tarfile.FIFOTYPE, mode=0o622),
    Member("big", os.urandom(1 << 20)),
)  # fmt: skip


@pytest.fixture(scope="module")
def image(house: House) -> Image:
    document = archives.config(
        [BASE, UPPER, ROOMY],
        User="node",
        Entrypoint=["/entry"],
        Cmd=["serve", "a b"],
        Env=["PATH=/opt/bin", "GREETING=hello world"],
        WorkingDir="/srv",
        ExposedPorts={"8080/tcp": {}},
        Volumes={"/srv/v": {}},
        Labels={"a": "b"},
        StopSignal="SIGQUIT",
        Healthcheck={"Test": ["CMD", "true"], "Interval": 2 * 10**9, "Retries": 4},
    )
    return house.load(archives.docker_archive([BASE, UPPER, ROOMY], document), house.app)


@contextmanager
def archive(house: House, image: Image, name: str = "blog:v1") -> Iterator[Path]:
    path = house.platform.settings.run_dir / "archive.tar"
    with exporting.laid_out(house.platform, image, name) as layout, path.open("wb") as file:
        exporting.write_archive(layout, lambda data: void(file.write(data)))
    try:
        yield path
    finally:
        path.unlink()


def void(_: object) -> None:
    return


@contextmanager
def mounted(house: House, image: Image) -> Iterator[Path]:
    """The image as its containers see it."""
    target = Path(tempfile.mkdtemp(dir=house.platform.settings.run_dir))
    layers = house.platform.layers
    upper = layers.new_upper(0)
    stored = [layers.stored(layer) for layer in image.layers]
    paths = [(layers.path(layer), layer.uid_base) for layer in stored]
    rootfs.mount_rootfs(paths, 0, upper, upper.with_name("work"), target)
    try:
        yield target
    finally:
        rootfs.unmount(target)
        target.rmdir()
        layers.discard(upper)


def tree(root: Path) -> dict[str, tuple[Any, ...]]:
    """Everything that a program could see of a tree, by name."""
    found: dict[str, tuple[Any, ...]] = {}
    groups: dict[int, str] = {}
    for directory, names, files in sorted(os.walk(root)):
        for name in (".", *sorted(names), *sorted(files)):
            path = Path(directory) / name
            status = path.lstat()
            key = str(path.relative_to(root))
            kind = stat.S_IFMT(status.st_mode)
            content = ""
            if kind == stat.S_IFREG:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            elif kind == stat.S_IFLNK:
                content = str(path.readlink())
            same = groups.setdefault(status.st_ino, key) if kind == stat.S_IFREG else ""
            kept = [
                (one, os.getxattr(path, one, follow_symlinks=False))
                for one in os.listxattr(path, follow_symlinks=False)
                if not one.startswith(("trusted.", "user.overlay."))
            ]
            time = int(status.st_mtime) if key != "." else 0  # of the test's own writable layer
            found[key] = (
                *(oct(status.st_mode), status.st_uid, status.st_gid, time, content, same),
                *sorted(kept),
            )
    return found


def described(image: Image) -> tuple[Any, ...]:
    """What an image says of itself, but for where it came from."""
    assert image.config is not None
    config = replace(image.config, source="", blobs={})
    words = [(step.words, bool(step.layer)) for step in image.steps]
    return config, image.environment, image.processes, words


@pytest.mark.parametrize("app", [True, False])
def test_an_archive_comes_back_as_the_same_tree(house: House, image: Image, app: bool) -> None:
    with archive(house, image) as path:
        again = house.load(path.read_bytes(), house.app if app else None)
    with mounted(house, image) as one:
        before = tree(one)
    with mounted(house, again) as two:
        assert tree(two) == before
    assert before["old"][5] == ""
    assert "old/a" not in before
    assert described(again) == described(image)


def test_the_same_image_gives_the_same_bytes(house: House, image: Image) -> None:
    with archive(house, image) as path:
        first = path.read_bytes()
    for layer in image.layers:
        house.platform.layers.note(layer, "tar.json").unlink()
    with archive(house, image) as path:
        assert path.read_bytes() == first


def test_an_app_comes_back_with_its_processes_and_the_whole_stack(house: House) -> None:
    app = Image(
        id="app",
        layers=house.platform.stack.run_layers,
        processes={"web": "serve --port $PORT", "worker": "work"},
        environment={"A": "b"},
        commit="0123456789abcdef",
    )
    with archive(house, app) as path:
        again = house.load(path.read_bytes())
    assert again.config is not None
    assert again.config.entrypoint == ("/.paas/launch",)
    assert again.processes == {"web": "'serve --port $PORT'", "worker": "work"}
    assert (again.commit, again.environment["A"]) == ("0123456789abcdef", "b")
    assert again.config.ports == (5000,)
    assert (again.config.user.uid, again.config.user.home) == (1000, "/app")
    with mounted(house, app) as one, mounted(house, again) as two:
        before, after = tree(one), tree(two)
    launcher = after.pop(".paas/launch")
    assert launcher[0] == "0o100755"
    for found in (before, after):
        found.pop(".paas/launch", None)
        found.pop(".paas", None)
    assert after == before
    assert len(before) > 2000


def test_an_archive_is_everything_that_docker_and_oci_ask_for(house: House, image: Image) -> None:
    with archive(house, image, "blog:v7") as path, tarfile.open(path) as tar:
        names = tar.getnames()
        manifest = json.load(tar.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        index = json.load(tar.extractfile("index.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(manifest["Config"]))  # type: ignore[arg-type]
        for name in names:
            if name.startswith("blobs/sha256/"):
                data = tar.extractfile(name).read()  # type: ignore[union-attr]
                assert archives.sha256(data) == name.removeprefix("blobs/sha256/")
    assert manifest["RepoTags"] == ["blog:v7"]
    assert set(manifest["Layers"]) <= set(names)
    diff_ids = [layer.replace("blobs/sha256/", "sha256:") for layer in manifest["Layers"]]
    assert config["rootfs"]["diff_ids"] == diff_ids
    adding = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(adding) == len(diff_ids)
    assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == "blog:v7"


@pytest.mark.parametrize("way", ["docker-archive", "oci-archive", "oci"])
def test_skopeo_carries_it_in_every_form_and_back(house: House, image: Image, way: str) -> None:
    root = house.platform.settings.run_dir / "skopeo"
    root.mkdir()
    target = root / ("copy" if way == "oci" else "copy.tar")
    with archive(house, image) as path:
        source = f"{'docker' if way == 'docker-archive' else 'oci'}-archive:{path}"
        skopeo(source, f"{way}:{target}:blog:v2")
    with archive_of(target) as packed:
        again = house.load(packed, house.app)
    shutil.rmtree(root)
    with mounted(house, image) as one, mounted(house, again) as two:
        assert tree(two) == tree(one)


@contextmanager
def archive_of(target: Path) -> Iterator[bytes]:
    """What skopeo wrote, as one archive."""
    if target.is_dir():
        names = [path for path in target.rglob("*") if path.is_file()]
        files = {path.relative_to(target).as_posix(): path.read_bytes() for path in names}
        yield archives.archive_of(files)
    else:
        yield target.read_bytes()


def skopeo(*arguments: str) -> None:
    subprocess.run(["skopeo", "copy", "--quiet", *arguments], check=True, timeout=120)


def test_umoci_unpacks_it_to_the_same_tree(house: House, image: Image) -> None:
    root = house.platform.settings.run_dir / "umoci"
    with exporting.laid_out(house.platform, image, "v1") as layout:
        command = ["umoci", "unpack", "--image", f"{layout.root}:v1", str(root)]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    with mounted(house, image) as one:
        assert tree(root / "rootfs") == tree(one)
    shutil.rmtree(root)


def test_buildah_unpacks_it_to_the_same_tree(house: House, image: Image) -> None:
    root = house.platform.settings.run_dir / "buildah"
    buildah = [
        *("buildah", "--root", str(root / "s"), "--runroot", str(root / "r")),
        *("--storage-driver", "vfs"),
    ]

    def run(*words: str) -> str:
        done = subprocess.run([*buildah, *words], capture_output=True, timeout=120, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    with archive(house, image) as path:
        container = run("from", "--quiet", f"oci-archive:{path}")
    seen = Path(run("mount", container))
    try:
        with mounted(house, image) as one:
            assert tree(seen) == tree(one)
    finally:
        run("umount", container)
        run("rm", container)
        shutil.rmtree(root)
