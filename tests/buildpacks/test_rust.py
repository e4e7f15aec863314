"""Rust apps: crates, workspaces, other toolchains, and what goes wrong."""

import hashlib
import io
import json
import os
import sys
import tarfile

import pytest

from tests.buildpacks import mirror
from tests.buildpacks.sandbox import APPS, REPOSITORY, files_of
from tests.buildpacks.test_go import built, failed

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from lifecycle import unchanged

APP = {name: data.decode() for name, data in files_of(APPS / "rust").items()}
MAIN = 'fn main() { println!("%s"); }\n'
PACKAGE = '[package]\nname = "%s"\nversion = "0.1.0"\nedition = "2021"\n'
LOCK = "version = 4\n" + "".join(
    f'\n[[package]]\nname = "{name}"\nversion = "0.1.0"\n' for name in ("plain",)
)
PLAIN = {"Cargo.toml": PACKAGE % "plain", "Cargo.lock": LOCK, "src/main.rs": MAIN % "plain"}


def test_crates_are_fetched_and_the_program_is_served(sandbox):
    made = built(sandbox, APP, app="rust")
    assert "Compiling tiny_http" in made.output
    assert made.build["processes"] == {"web": "bin/hello"}
    assert len(made.layers) == 1, "the toolchain is not part of the image"
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Rust\n"


def test_a_second_build_compiles_what_changed_and_nothing_else(sandbox):
    built(sandbox, APP, app="rust")
    same = built(sandbox, APP, app="rust")
    assert "Compiling" not in same.output
    changed = {**APP, "src/main.rs": APP["src/main.rs"].replace("Hello", "Hi")}
    made = built(sandbox, changed, app="rust")
    assert "Compiling hello" in made.output
    assert "Compiling tiny_http" not in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hi from Rust\n"
    # back to what an older commit had, whose files have older times
    with sandbox.serving(built(sandbox, APP, app="rust")) as site:
        assert site.get().body == b"Hello from Rust\n"


def test_a_member_of_a_workspace_and_its_features_are_chosen_by_config(sandbox):
    files = {
        "Cargo.toml": '[workspace]\nmembers = ["one", "two"]\nresolver = "2"\n',
        "Cargo.lock": LOCK.replace("plain", "one")
        + LOCK.partition("\n")[2].replace("plain", "two"),
        "one/Cargo.toml": PACKAGE % "one",
        "one/src/main.rs": MAIN % "one",
        "two/Cargo.toml": PACKAGE % "two" + "\n[features]\nloud = []\n",
        "two/src/lib.rs": 'pub fn word() -> &\'static str { "two" }\n',
        "two/src/bin/server.rs": (
            f'#[cfg(feature = "loud")]\n{MAIN % "LOUD"}#[cfg(not(feature = "loud"))]\n{MAIN % "-"}'
        ),
    }
    both = built(sandbox, files)
    assert sorted(path.name for path in (both.app / "bin").iterdir()) == ["one", "server"]
    assert both.build["processes"] == {"web": "bin/server"}
    settings = {"RUST_PACKAGE": "two", "RUST_FEATURES": "loud", "RUST_PROFILE": "dev"}
    made = built(sandbox, files, config=settings)
    assert [path.name for path in (made.app / "bin").iterdir()] == ["server"]
    said = sandbox.run(
        ["/app/bin/server"],
        made.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
    )
    assert said.output == "LOUD\n"


BAD = {
    "no lock": (
        {"Cargo.toml": PACKAGE % "plain", "src/main.rs": MAIN % "x"},
        {},
        "there is no Cargo.lock",
        "cargo generate-lockfile",
    ),
    "a broken manifest": (
        {**PLAIN, "Cargo.toml": "[package\n"},
        {},
        "Cargo.toml cannot be read: Expected ']'",
        "correct it",
    ),
    "a manifest without a name": (
        {**PLAIN, "Cargo.toml": '[package]\nversion = "1.0.0"\n'},
        {},
        "Cargo.toml cannot be read: missing field `name`",
        "correct it",
    ),
    "a lock that does not fit": (
        {**PLAIN, "Cargo.toml": PLAIN["Cargo.toml"] + '\n[dependencies]\nlog = "0.4"\n'},
        {},
        "Cargo.lock does not fit Cargo.toml",
        "commit Cargo.lock",
    ),
    "no such program": (
        PLAIN,
        {"RUST_BIN": "nothing"},
        "RUST_BIN names nothing, which is no program of this package",
        "config:set",
    ),
    "a library": (
        {"Cargo.toml": PACKAGE % "plain", "Cargo.lock": LOCK, "src/lib.rs": ""},
        {},
        "there is nothing to run: plain is a library",
        "src/main.rs",
    ),
    "no member of that name": (
        PLAIN,
        {"RUST_PACKAGE": "other"},
        "RUST_PACKAGE names other, which is no package of this workspace",
        "it has: plain",
    ),
    "no such feature": (
        PLAIN,
        {"RUST_FEATURES": "loud"},
        "the package plain has no feature loud",
        "RUST_FEATURES",
    ),
    "no such profile": (
        PLAIN,
        {"RUST_PROFILE": "fast"},
        "RUST_PROFILE names fast, which Cargo.toml does not define",
        "[profile.fast]",
    ),
    "a syntax error": (
        {**PLAIN, "src/main.rs": "fn main() { oops }\n"},
        {},
        "the app does not compile: src/main.rs:1:13: cannot find value `oops` in this scope",
        "see the lines above",
    ),
    "a newer Rust wanted": (
        {**PLAIN, "Cargo.toml": PLAIN["Cargo.toml"] + 'rust-version = "1.99"\n'},
        {},
        "the crate plain@0.1.0 wants Rust 1.99",
        "rust-toolchain.toml",
    ),
    "an edition of the future": (
        {**PLAIN, "Cargo.toml": PLAIN["Cargo.toml"].replace("2021", "2099")},
        {},
        "Cargo.toml cannot be read: ",
        "correct it",
    ),
    "a toolchain that is none": (
        {**PLAIN, "rust-toolchain.toml": '[toolchain]\nchannel = "newest"\n'},
        {},
        "rust-toolchain.toml asks for 'newest', which is not a version of Rust",
        'channel = "1.85"',
    ),
    "a library of the system": (
        {**PLAIN, "build.rs": 'fn main() { println!("cargo:rustc-link-lib=pcap"); }\n'},
        {},
        "the system library pcap is missing",
        "Aptfile with the line: libpcap-dev",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_remedy(sandbox, case):
    files, config, message, hint = BAD[case]
    said = failed(sandbox, files, config=config)
    assert said[0].startswith(message)
    assert hint in said[1]


# -- other toolchains ----------------------------------------------------------------------

SCRIPT = b"#!/bin/sh\necho rustc 1.70.0\n"


@pytest.fixture
def rustup(tmp_path):
    """A mirror of rustup's server, with a Rust that is a script."""
    folder = tmp_path / "dist"
    folder.mkdir()
    target = f"{os.uname().machine}-unknown-linux-gnu"
    channel = ['manifest-version = "2"', '[pkg.rustc]\nversion = "1.70.0 (mirrored)"']
    for name in ("rustc", "rust-std", "cargo"):
        archive = folder / f"{name}.tar.xz"
        with tarfile.open(archive, "w:xz") as file:
            for path, data in (("components", name.encode()), (f"{name}/bin/{name}", SCRIPT)):
                member = tarfile.TarInfo(f"{name}-1.70.0/{path}")
                member.size, member.mode = len(data), 0o755
                file.addfile(member, io.BytesIO(data))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        channel.append(f"[pkg.{name}.target.{target}]")
        channel.append(f'xz_url = "https://static.rust-lang.org/dist/{name}.tar.xz"')
        channel.append(f'xz_hash = "{digest}"')
    (folder / "channel-rust-1.70.0.toml").write_text("\n".join(channel))
    with mirror.serving(tmp_path) as address:
        yield address, folder


def toolchain(sandbox, address):
    files = {**PLAIN, "rust-toolchain": "1.70.0\n"}
    config = sandbox.config({"RUSTUP_DIST_SERVER": address})
    (plan,) = sandbox.planned(files, config=config, cache=sandbox.fresh("cache"))
    assert plan["build_only"]
    return sandbox.layer("", plan, [], bytes(1024), config=config, cache=sandbox.fresh("cache"))


def test_another_rust_comes_from_the_mirror_that_config_names(sandbox, rustup):
    address, _ = rustup
    made = toolchain(sandbox, address)
    assert made.status == 0, made.results
    assert "1.70.0 (mirrored)" in made.output
    program = made.upper / "app/.heroku/rust/bin/rustc"
    assert program.read_bytes() == SCRIPT
    assert program.stat().st_mode & 0o111
    assert sorted(path.name for path in (made.upper / "app/.heroku").iterdir()) == ["rust"]


def test_an_archive_that_is_not_what_its_channel_says_is_refused(sandbox, rustup):
    address, folder = rustup
    (folder / "cargo.tar.xz").write_bytes(b"something else")
    made = toolchain(sandbox, address)
    assert made.status == 1
    assert made.results["error"]["message"].endswith("is not what its channel says")


def test_a_rust_that_no_server_has_is_told_with_the_setting_for_another(sandbox, rustup):
    address, folder = rustup
    (folder / "channel-rust-1.70.0.toml").unlink()
    made = toolchain(sandbox, address)
    assert made.results["error"]["message"] == (
        f"Rust 1.70.0 could not be had from {address}: it answered 404"
    )
    assert "RUSTUP_DIST_SERVER" in made.results["error"]["hint"]


# -- times ---------------------------------------------------------------------------------


def test_a_file_has_the_time_of_the_build_that_first_saw_its_content(tmp_path):
    root, record = tmp_path / "app", str(tmp_path / "cache" / "files.json")
    (root / "src").mkdir(parents=True)
    one, two = root / "src/one", root / "two"
    for path in (one, two):
        path.write_text("first")
        os.utime(path, (1_000, 1_000))
    unchanged.settle(str(root), record)
    seen = one.stat().st_mtime
    assert seen > 1_700_000_000
    two.write_text("second")
    for path in (one, two):
        os.utime(path, (2_000_000_000, 2_000_000_000))
    unchanged.settle(str(root), record)
    assert one.stat().st_mtime == seen
    assert seen <= two.stat().st_mtime < 2_000_000_000


@pytest.mark.parametrize("text", ["", "[]", "{", '{"two": "x"}'])
def test_a_record_that_is_not_ours_counts_as_none(tmp_path, text):
    (tmp_path / "two").write_text("x")
    (tmp_path / "record").mkdir()
    (tmp_path / "record/files.json").write_text(text)
    unchanged.settle(str(tmp_path), str(tmp_path / "record/files.json"))
    assert (tmp_path / "two").stat().st_mtime > 1_700_000_000


def test_crates_come_from_a_mirror_where_one_is_set(sandbox, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as crate:
        for name, text in {
            "Cargo.toml": PACKAGE % "only-in-the-mirror",
            "src/lib.rs": 'pub fn word() -> &\'static str { "from the mirror" }\n',
        }.items():
            member = tarfile.TarInfo(f"only-in-the-mirror-0.1.0/{name}")
            member.size = len(text)
            crate.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    name = "only-in-the-mirror"
    entry = {"name": name, "vers": "0.1.0", "deps": [], "cksum": digest, "features": {}}
    index = tmp_path / "index"
    (index / "on/ly").mkdir(parents=True)
    (index / "on/ly" / name).write_text(json.dumps({**entry, "yanked": False}) + "\n")
    (index / f"dl/{name}/0.1.0").mkdir(parents=True)
    (index / f"dl/{name}/0.1.0/download").write_bytes(buffer.getvalue())
    source = next(line for line in APP["Cargo.lock"].splitlines() if line.startswith("source"))
    lock = (
        f'version = 4\n\n[[package]]\nname = "{name}"\nversion = "0.1.0"\n{source}\n'
        f'checksum = "{digest}"\n\n[[package]]\nname = "plain"\nversion = "0.1.0"\n'
        f'dependencies = [\n "{name}",\n]\n'
    )
    files = {
        "Cargo.toml": PACKAGE % "plain" + f'\n[dependencies]\n{name} = "0.1.0"\n',
        "Cargo.lock": lock,
        "src/main.rs": 'fn main() { println!("{}", only_in_the_mirror::word()); }\n',
    }
    with mirror.serving(index) as address:
        (index / "config.json").write_text(json.dumps({"dl": f"{address}/dl"}))
        config = {"CARGO_MIRROR_URL": f"{address}/"}
        made = built(sandbox, files, config=config, app="mirrored")
        assert f"Compiling {name} v0.1.0" in made.output
