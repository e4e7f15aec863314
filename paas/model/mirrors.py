"""Mirrors: where builds get packages from, one address for each ecosystem.

Pure. An address becomes the variables by which that ecosystem's own tools are told; where
a tool reads no variable, our buildpack writes the file it reads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from paas.errors import UsageError


@dataclass(frozen=True, slots=True)
class Mirror:
    """One ecosystem: what its mirror serves, and the variables that name it."""

    key: str
    words: str
    variables: tuple[str, ...]


MIRRORS = (
    Mirror(
        "pypi",
        "Python packages, by the simple index",
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PIPENV_PYPI_MIRROR", "PDM_PYPI_URL"),
    ),
    Mirror("cpython", "Pythons, as uv installs them", ("UV_PYTHON_INSTALL_MIRROR",)),
    Mirror(
        "npm",
        "JavaScript packages and Node.js itself",
        (
            *("NPM_CONFIG_REGISTRY", "npm_config_registry", "YARN_REGISTRY"),
            *("YARN_NPM_REGISTRY_SERVER", "BUN_CONFIG_REGISTRY"),
        ),
    ),
    Mirror("jsr", "packages of Deno's registry", ("JSR_URL",)),
    Mirror("go", "Go modules and toolchains: a list, as GOPROXY", ("GOPROXY",)),
    Mirror("gosum", "Go's checksum database, or off", ("GOSUMDB",)),
    Mirror("crates", "Rust crates, by the sparse index", ("CARGO_MIRROR_URL",)),
    Mirror("rustup", "Rust toolchains", ("RUSTUP_DIST_SERVER",)),
    Mirror("maven", "Java artifacts", ("MAVEN_MIRROR_URL",)),
    Mirror("gradle", "distributions of Gradle", ("GRADLE_DISTRIBUTION_URL",)),
    Mirror("rubygems", "Ruby gems", ("BUNDLE_MIRROR__ALL",)),
    Mirror("packagist", "PHP packages, by Composer's metadata", ("COMPOSER_MIRROR_URL",)),
)
KEYS = tuple(one.key for one in MIRRORS)
VARIABLES = tuple(name for one in MIRRORS for name in one.variables)
WORDS = re.compile(r"(?:off|direct|none)")


def address(text: str) -> str:
    """A mirror's address (go takes a list, and words), or UsageError."""
    if "@" in text:
        raise UsageError(
            "a mirror's address is shown to everybody, so it must not hold a password",
            "give it as a variable instead: paas config:set --build --global PIP_INDEX_URL=...",
        )
    parts = text.replace("|", ",").split(",")
    if all(re.fullmatch(r"https?://[!-~]+", part) or WORDS.fullmatch(part) for part in parts):
        return text
    raise UsageError("a mirror is given by its http or https address", "such as https://...")


def variables(addresses: Mapping[str, str]) -> dict[str, str]:
    """The variables that name these mirrors, given by ecosystem."""
    return {
        name: addresses[one.key]
        for one in MIRRORS
        if one.key in addresses
        for name in one.variables
    }
