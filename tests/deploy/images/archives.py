"""Images written by hand: layers as tars, and the archives and layouts that hold them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Member:
    """One entry of a layer's tar; content None: a directory."""

    name: str
    content: bytes | None = b""
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 1_700_000_000
    pax: dict[str, str] = field(default_factory=dict)
    device: tuple[int, int] = (0, 0)


def folder(name: str, mode: int = 0o755, **more: Any) -> Member:
    return Member(name, None, tarfile.DIRTYPE, mode=mode, **more)


def symlink(name: str, target: str) -> Member:
    return Member(name, b"", tarfile.SYMTYPE, target)


def hardlink(name: str, target: str) -> Member:
    return Member(name, b"", tarfile.LNKTYPE, target)


def layer(*members: Member) -> bytes:
    """A tar of the members, in their order, as they are: nothing is checked."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for one in members:
            info = tarfile.TarInfo(one.name)
            info.type, info.linkname, info.mode = one.kind, one.link, one.mode
            info.uid, info.gid, info.mtime = one.uid, one.gid, one.mtime
            info.pax_headers = one.pax
            info.devmajor, info.devminor = one.device
            info.size = len(one.content or b"")
            tar.addfile(info, io.BytesIO(one.content or b""))
    return target.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config(layers: Sequence[bytes], **section: Any) -> dict[str, Any]:
    """An image's description; section is its `config`."""
    return {
        "created": "2026-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": section,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(one)}" for one in layers]},
        "history": [{"created_by": f"step {number}"} for number, _ in enumerate(layers)],
    }


def docker_archive(
    layers: Sequence[bytes], document: dict[str, Any] | None = None, tag: str = "x:latest"
) -> bytes:
    """What `docker save` writes."""
    text = json.dumps(document if document is not None else config(layers)).encode()
    names = [f"{sha256(one)}.tar" for one in layers]
    manifest = [{"Config": f"{sha256(text)}.json", "RepoTags": [tag], "Layers": names}]
    files = {
        f"{sha256(text)}.json": text,
        **dict(zip(names, layers, strict=True)),
        "manifest.json": json.dumps(manifest).encode(),
    }
    return archive_of(files)


def archive_of(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()


def oci_layout(
    layers: Sequence[bytes], document: dict[str, Any] | None = None, *, compressed: bool = False
) -> dict[str, bytes]:
    """The files of an OCI layout by name."""
    text = json.dumps(document if document is not None else config(layers)).encode()
    packed = [gzip.compress(one, 1) for one in layers] if compressed else list(layers)
    kind = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if compressed else "")
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described(text, "application/vnd.oci.image.config.v1+json"),
            "layers": [described(one, kind) for one in packed],
        }
    ).encode()
    entry = described(manifest, "application/vnd.oci.image.manifest.v1+json")
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": index,
        **{f"blobs/sha256/{sha256(one)}": one for one in (text, manifest, *packed)},
    }


def described(data: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": f"sha256:{sha256(data)}", "size": len(data)}


def write(files: dict[str, bytes], root: Path) -> Path:
    """Files below a directory."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root
