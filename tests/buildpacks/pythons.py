"""A place to fetch another Python from: Debian 12's, packed as uv's downloads are, and served."""

import hashlib
import http.server
import json
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from paas.command import Runner
from paas.image import debian, mirrors

SUITE, MINOR = "bookworm", "3.11"
PACKAGES = (f"libpython{MINOR}-minimal", f"libpython{MINOR}-stdlib", f"python{MINOR}-minimal")


def download(folder: Path) -> list[Path]:
    """The packages of an older Debian, by this host's apt in directories of its own."""
    for name in ("state/lists/partial", "cache/archives/partial", "packages"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(
        f"deb [signed-by={debian.KEYRING}] {mirrors.of_host().archive} {SUITE} main\n"
    )
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        **debian.proxies(Runner()),
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    for words in (["update"], ["download", *PACKAGES]):
        subprocess.run([*apt, *words], cwd=folder / "packages", check=True, capture_output=True)
    return sorted((folder / "packages").glob("*.deb"))


def packed(folder: Path) -> tuple[Path, str]:
    """An archive with python/bin and python/lib, and the version in it."""
    root = folder / "root"
    for package in download(folder):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    home = folder / "python"
    (home / "bin").mkdir(parents=True)
    shutil.copy2(root / f"usr/bin/python{MINOR}", home / "bin")
    for name in ("python3", "python"):
        (home / "bin" / name).symlink_to(f"python{MINOR}")
    shutil.copytree(root / f"usr/lib/python{MINOR}", home / f"lib/python{MINOR}", symlinks=True)
    for path in home.rglob("*"):
        if path.is_symlink() and str(path.readlink()).startswith("/"):
            path.unlink()  # into /etc of that Debian
    said = subprocess.run(
        [home / "bin/python3", "-c", "import platform; print(platform.python_version())"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    version = said.stdout.strip() or deb_version(folder)
    archive = folder / "served" / "python.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz", compresslevel=1) as file:
        file.add(home, "python")
    return archive, version


def deb_version(folder: Path) -> str:
    """`3.11.2` from a package's file name, where this host cannot run what is in it."""
    (package,) = (folder / "packages").glob(f"python{MINOR}-minimal_*.deb")
    return package.name.split("_")[1].split("-")[0]


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """URL of a list of downloads with one Python in it, and that Python's version."""
    archive, version = packed(folder)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(archive.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    url = f"http://127.0.0.1:{server.server_port}"
    machine = {"x86_64": "x86_64", "aarch64": "aarch64"}[subprocess.run(
        ["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()]  # fmt: skip
    major, minor, patch = map(int, version.split("."))
    entry = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{url}/python.tar.gz",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "20240101",
    }
    (archive.parent / "downloads.json").write_text(
        json.dumps({f"cpython-{version}-linux-{machine}-gnu": entry})
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{url}/downloads.json", version
    finally:
        server.shutdown()
        server.server_close()
