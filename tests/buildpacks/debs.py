"""A repository of Debian's kind with one package of our own, as files to be served."""

import gzip
import hashlib
import subprocess
import tempfile
from pathlib import Path

NAME = "paas-test-tool"
LINE = "deb [arch=amd64] {} any main"  # of a sources.list; with its address


def publish(pool: Path, version: str = "1.2", needs: str = "figlet", name: str = NAME) -> Path:
    """Have the repository offer this version of the package alone; its .deb file.

    Its program `tool` prints what its set-up script wrote: `set up`, and the version.
    """
    deb = pool / f"pool/tool_{version}_all.deb"
    deb.parent.mkdir(parents=True, exist_ok=True)
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        f"Maintainer: x <x@example.com>\nDepends: {needs}\nDescription: a tool\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        write(tree := Path(folder) / "deb", control, version)
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True)
    data = deb.read_bytes()
    offer = f"{control}Filename: pool/{deb.name}\nSize: {len(data)}\nSHA256: {digest(data)}\n\n"
    lists = {
        "main/binary-amd64/Packages": offer.encode(),
        "main/binary-amd64/Packages.gz": gzip.compress(offer.encode()),
    }
    (pool / "dists/any/main/binary-amd64").mkdir(parents=True, exist_ok=True)
    for path, content in lists.items():
        (pool / "dists/any" / path).write_bytes(content)
    sums = "".join(f" {digest(data)} {len(data)} {path}\n" for path, data in lists.items())
    head = "Origin: x\nSuite: any\nCodename: any\nArchitectures: amd64 all\nComponents: main\n"
    release = f"{head}Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{sums}"
    (pool / "dists/any/Release").write_text(release)
    return deb


def write(tree: Path, control: str, version: str) -> None:
    """The package's files."""
    files = {
        "DEBIAN/control": control,
        "DEBIAN/postinst": f"#!/bin/sh\nset -e\necho set up {version} > /usr/share/tool.txt\n",
        "usr/bin/tool": "#!/bin/sh\ncat /usr/share/tool.txt\n",
    }
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    tree.chmod(0o755)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
