"""Why cargo failed, in one line, from what it said."""

from lifecycle import explain
from lifecycle.say import Failure

LOCK = "run cargo build, and commit Cargo.lock"
OLDER = (
    "ask for an older release (cargo update <crate> --precise <version>), or for a newer Rust in "
    "rust-toolchain.toml"
)
REASONS: tuple[explain.Reason, ...] = (
    (
        r"signal: 9, SIGKILL",
        "the compiler was killed, most likely for want of memory",
        "raise build_memory_bytes in the settings, or set CARGO_BUILD_JOBS=1 in the app's config",
    ),
    (
        r"(?:cannot update the lock file|the lock file) \S+ (?:needs to be updated|because)",
        "Cargo.lock does not fit Cargo.toml",
        LOCK,
    ),
    (
        r"lock file version `?(\d+)`? was found, but this version of Cargo does not understand",
        "Cargo.lock is of version {0}, which this Rust does not know",
        "ask for a newer Rust in rust-toolchain.toml, or make the lock file with this one",
    ),
    (
        r"^\s+(\S+@\S+) requires rustc (\S+)",
        "the crate {0} wants Rust {1} or later",
        OLDER,
    ),
    (
        r"package `(\S+) v(\S+)[^`]*` cannot be built because it requires rustc (\S+) or newer",
        "the crate {0}@{1} wants Rust {2} or later",
        OLDER,
    ),
    (
        r"feature `edition(\d+)` is required",
        "the package is of edition {0}, which this Rust does not know",
        "ask for a newer Rust in rust-toolchain.toml",
    ),
    (
        r"no matching package named `([^`]+)` found",
        "there is no crate named {0}",
        "correct its name in Cargo.toml, run cargo build, and commit Cargo.lock",
    ),
    (
        r"failed to select a version for the requirement `([^`]+)`",
        "there is no release of a crate that fits {0}",
        "ask for a version that exists, run cargo build, and commit Cargo.lock",
    ),
    (
        r"checksum for `([^`]+)` changed between lock files",
        "the crate {0} is not what Cargo.lock was made with",
        LOCK,
    ),
    (
        r"no bin target named `([^`]+)`",
        "RUST_BIN names {0}, which is no program of this package",
        "correct it with config:set",
    ),
    (
        r"profile `([^`]+)` is not defined",
        "RUST_PROFILE names {0}, which Cargo.toml does not define",
        "correct it with config:set, or add [profile.{0}]",
    ),
    (
        r"the package '?([^']+?)'? does not contain this feature: (\S+)",
        "the package {0} has no feature {1}",
        "correct RUST_FEATURES with config:set",
    ),
    (
        r"failed to (?:read|load)[^\n]*\n+(?:Caused by:\n\s+)?.*failed to read `/app/([^`]+)`",
        "{0} is named in a manifest, but is not in the repository",
        "commit it, or correct the path in Cargo.toml",
    ),
    (
        r"failed to parse manifest at `/app/([^`]+)`\s+Caused by:\s+(.+)",
        "{0} cannot be read: {1}",
        "correct it and push again",
    ),
    (
        r"can't find (?:library|bin|`\S+` bin)|no targets specified in the manifest",
        "the package has no src/main.rs and no src/lib.rs",
        "commit src/main.rs, or name its path in [[bin]] of Cargo.toml",
    ),
    (
        r"error: ([^\n]+)\n\s+--> (\S*Cargo\.toml):\d+",
        "{1} cannot be read: {0}",
        "correct it and push again",
    ),
    (
        r"error(?:\[E\d+\])?: ([^\n]+)\n\s+--> (\S+)",
        "the app does not compile: {1}: {0}",
        "see the lines above",
    ),
    (
        r"Could not resolve host|Couldn't connect|Connection refused|Timeout was reached",
        "the crate registry could not be reached",
        "try again; if it lasts, name a registry that this machine reaches in .cargo/config.toml",
    ),
)


def cargo(output: str) -> Failure:
    """The Failure for what cargo printed."""
    return explain.tool("cargo", output, REASONS, "error")
