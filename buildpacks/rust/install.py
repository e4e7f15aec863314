"""The toolchain layer: rustc, rust-std and cargo as rustup has them, from its server or a mirror.

Format: a channel manifest names an archive and its hash for each component and target
(https://rust-lang.github.io/rustup/dev-guide, "Channel manifest" version 2).
"""

import hashlib
import os
import shutil
import tarfile
import tomllib
import urllib.error
from typing import Any

from lifecycle import say
from lifecycle.download import download
from lifecycle.say import Failure

from rust import manifest

FOLDER = ".heroku/rust"
RUST = f"/app/{FOLDER}"
SERVER = "RUSTUP_DIST_SERVER"
DEFAULT_SERVER = "https://static.rust-lang.org"
COMPONENTS = ("rustc", "rust-std", "cargo")
CHANNEL = "/tmp/channel.toml"


def runtime(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """The planned version at /app/.heroku/rust. Failure when no server has it."""
    wanted = plan["runtime"]
    say.step(f"Installing Rust {wanted}")
    server = (variables.get(SERVER) or os.environ.get(SERVER) or DEFAULT_SERVER).rstrip("/")
    document = channel(server, wanted)
    for name in COMPONENTS:
        component(document, name, server)
    say.detail(str(document.get("pkg", {}).get("rustc", {}).get("version", wanted)))


def channel(server: str, wanted: str) -> dict[str, Any]:
    """The manifest of a channel; `nightly-2025-01-31` is in a folder of its date."""
    name, _, date = wanted.partition("-")
    address = f"{server}/dist/{date + '/' if date else ''}channel-rust-{name}.toml"
    try:
        download(address, CHANNEL)
        with open(CHANNEL, "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError) as error:
        raise Failure(
            f"Rust {wanted} could not be had from {server}: {reason(error)}",
            f"Debian's is {manifest.DEBIAN}: ask for that in rust-toolchain.toml, or set {SERVER} "
            "to a mirror of rustup's server that this machine reaches",
        ) from error


def reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    return str(getattr(error, "reason", error))


def component(document: dict[str, Any], name: str, server: str) -> None:
    """Fetch one component, check its hash, and put its files in place."""
    target = f"{os.uname().machine}-unknown-linux-gnu"
    try:
        entry = document["pkg"][name]["target"][target]
        address, digest = str(entry["xz_url"]), str(entry["xz_hash"])
    except (KeyError, TypeError) as error:
        raise Failure(f"this Rust has no {name} for {target}", "ask for another version") from error
    path = f"/app/.heroku/{name}.tar.xz"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fetch(address.replace(DEFAULT_SERVER, server, 1), path, digest)
    unpack(path, f"/app/.heroku/{name}")
    os.unlink(path)


def fetch(address: str, path: str, digest: str) -> None:
    try:
        download(address, path)
    except OSError as error:
        raise Failure(f"{address} could not be fetched: {reason(error)}", "push again") from error
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != digest:
            raise Failure(f"{address} is not what its channel says", "try another mirror")


def unpack(path: str, draft: str) -> None:
    """The installer's layout: <name>/<component>/{bin,lib,...}, beside what the installer needs."""
    with tarfile.open(path) as archive:
        archive.extractall(draft, filter="tar")
    for folder in os.scandir(draft):
        with open(os.path.join(folder.path, "components")) as file:
            for part in file.read().split():
                shutil.copytree(
                    os.path.join(folder.path, part), RUST, symlinks=True, dirs_exist_ok=True
                )
    shutil.rmtree(draft)
