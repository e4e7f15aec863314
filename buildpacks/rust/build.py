"""Running cargo, and taking the programs from its target folder."""

import json
import os
import re
import shlex
import shutil
from typing import Any

from lifecycle import child, config, debian, programs, say, unchanged
from lifecycle.say import Failure

from rust import install, manifest, reasons

MIRROR = "CARGO_MIRROR_URL"
# cargo takes a registry's place from its configuration alone, not from variables
SOURCES = """\
# written by every build
[source.crates-io]
replace-with = "mirror"
[source.mirror]
registry = "sparse+{}/"
"""
PACKAGES, BINS, FEATURES, PROFILE = "RUST_PACKAGE", "RUST_BIN", "RUST_FEATURES", "RUST_PROFILE"
FLAGS = "RUST_CARGO_FLAGS"
DEBIAN_RECORD = f"{debian.SINGLE}/rustc_{debian.MACHINES.get(os.uname().machine, 'amd64')}"
FOLDER_OF_PROFILE = {"dev": "debug", "test": "debug", "bench": "release"}


def build(root: str, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """cargo build --release, as the settings say; the programs end up in bin/."""
    variables = config.exported(variables)
    wanted = manifest.toolchain(root)
    version = compiler(wanted)
    say.step(f"Building with Rust {version} ({why(wanted)})")
    environment = surroundings(cache, variables, base, version)
    configure(environment["CARGO_HOME"], variables.get(MIRROR, ""))
    names = binaries(root, variables, environment)
    unchanged.settle(root, f"{cache}/rust/files.json")
    done = child.run(command(variables), environment, root)
    if done.status:
        raise reasons.cargo(done.output)
    profile = variables.get(PROFILE, "release")
    folder = os.path.join(environment["CARGO_TARGET_DIR"], FOLDER_OF_PROFILE.get(profile, profile))
    place(root, folder, names)


def why(wanted: manifest.Toolchain) -> str:
    return f"from {wanted.file}" if wanted.file else "the stack's; rust-toolchain.toml would choose"


def path(base: dict[str, str]) -> str:
    return f"{install.RUST}/bin:{base.get('PATH', '')}"


def compiler(wanted: manifest.Toolchain) -> str:
    """The version of the Rust that is there: by Debian's record of it, without a start of it."""
    if wanted.in_debian:
        with open(DEBIAN_RECORD) as file:
            found = re.search(r"^Version: (?:\d+:)?([\d.]+)", file.read(), re.MULTILINE)
        return found[1] if found else manifest.DEBIAN
    return wanted.text


def surroundings(
    cache: str, variables: dict[str, str], base: dict[str, str], version: str
) -> dict[str, str]:
    """cargo's environment: its crates and all it compiles on the app's cache mount."""
    targets = f"{cache}/rust/target"
    for name in os.listdir(targets) if os.path.isdir(targets) else ():
        if name != version:
            shutil.rmtree(os.path.join(targets, name), ignore_errors=True)
    return {
        **base,
        "CARGO_HTTP_CAINFO": base.get("SSL_CERT_FILE", ""),
        **variables,
        "PATH": path(base),
        "CARGO_HOME": f"{cache}/rust/cargo",
        "CARGO_TARGET_DIR": f"{targets}/{version}",
        "CARGO_TERM_PROGRESS_WHEN": "never",
        "CARGO_TERM_COLOR": "never",
    }


def configure(home: str, mirror: str) -> None:
    """Have cargo take crates from the mirror; the app's own .cargo/config.toml comes before."""
    os.makedirs(home, exist_ok=True)
    path = os.path.join(home, "config.toml")
    with open(path, "w") as file:
        file.write(SOURCES.format(mirror.removeprefix("sparse+").rstrip("/")) if mirror else "")


def command(variables: dict[str, str]) -> list[str]:
    """The cargo command line that the settings make."""
    argv = ["cargo", "build", "--locked", "--profile", variables.get(PROFILE, "release")]
    for name in variables.get(PACKAGES, "").split():
        argv += ["--package", name]
    names = variables.get(BINS, "").split()
    argv += [word for name in names for word in ("--bin", name)] or ["--bins"]
    if features := variables.get(FEATURES, ""):
        argv += ["--features", features]
    return [*argv, *shlex.split(variables.get(FLAGS, ""))]


def binaries(root: str, variables: dict[str, str], environment: dict[str, str]) -> list[str]:
    """Names of the programs that cargo will make; Failure when there are none."""
    argv = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    done = child.run(argv, environment, root, quiet=True)
    if done.status:
        raise reasons.cargo(done.output)
    line = next(text for text in done.output.splitlines() if text.startswith("{"))
    document = json.loads(line)
    members = chosen(document, variables.get(PACKAGES, "").split())
    wanted = variables.get(BINS, "").split()
    found = [
        target["name"]
        for member in members
        for target in member["targets"]
        if "bin" in target["kind"] and (not wanted or target["name"] in wanted)
    ]
    if not found and not wanted:
        kind = "libraries" if len(members) > 1 else "a library"
        raise Failure(
            f"there is nothing to run: {', '.join(m['name'] for m in members)[:200]} is {kind}",
            "a program has a src/main.rs or a file in src/bin/; of a workspace, choose the member "
            f"with config:set <app> {PACKAGES}=<name>",
        )
    return sorted(set(found) | set(wanted))


def chosen(document: dict[str, Any], names: list[str]) -> list[dict[str, Any]]:
    """The packages to build: those named, else the workspace's default members."""
    members = document["packages"]
    for name in names:
        if name not in [member["name"] for member in members]:
            raise Failure(
                f"{PACKAGES} names {name}, which is no package of this workspace",
                f"it has: {', '.join(sorted(member['name'] for member in members))[:300]}",
            )
    if names:
        return [member for member in members if member["name"] in names]
    default = document.get("workspace_default_members") or document["workspace_members"]
    return [member for member in members if member["id"] in default]


def place(root: str, folder: str, names: list[str]) -> None:
    """Copy what was built to bin/; a program whose features were not asked for was not."""
    made = [name for name in names if os.path.isfile(os.path.join(folder, name))]
    os.makedirs(os.path.join(root, programs.FOLDER), exist_ok=True)
    for name in made:
        shutil.copy2(os.path.join(folder, name), os.path.join(root, programs.FOLDER, name))
    programs.note(root, made)
