"""The Rust buildpack: cargo for the build alone, and programs in bin/.

Crates and everything compiled stay in the app's cache and are used where they are, so
there is no dependency layer. Rust itself is Debian's, or comes from a mirror of rustup's.
"""

from typing import Any

from lifecycle import debian, programs

from rust import build, install, manifest

LANGUAGE = "Rust"
LOOKS_FOR = "Cargo.toml"
LAYERS = {"runtime": install.runtime}


def detect(root: str) -> list[str]:
    """Cargo.toml, and its lock file."""
    if not manifest.exists(root, "Cargo.toml"):
        return []
    return [name for name in ("Cargo.toml", "Cargo.lock") if manifest.exists(root, name)]


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """Debian's Rust where it is the one asked for, else that of the toolchain file."""
    manifest.require_lock(root)
    wanted = manifest.toolchain(root)
    if wanted.in_debian:
        return debian.layer(["cargo", "rustc"], build_only=True)
    return [
        {
            "name": "runtime",
            "pack": "rust",
            "runtime": wanted.text,
            "files": [],
            "provides": [install.FOLDER],
            # the same for all apps, unless one of them knows a server of its own
            "shared": install.SERVER not in config,
            "variables": [install.SERVER],
            "build_only": True,
        }
    ]


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Build the binaries into bin/."""
    build.build(root, cache, config, environment)


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The one program, the default one, or the one named like a web process."""
    return {"default_process_types": programs.default_processes(root, *manifest.names(root))}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {"PATH": "/app/bin:$PATH"}
