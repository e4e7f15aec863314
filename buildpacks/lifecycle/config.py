"""The app's config vars, which a build gets as files in ENV_DIR, one a variable.

Heroku's contract (devcenter: buildpack-api): they are not in the environment of
bin/detect and bin/compile; a buildpack exports those it wants.
"""

import os
import re

# variables that would break the build's own tools rather than reach the app's
WITHHELD = {
    "PATH", "HOME", "GIT_DIR", "CPATH", "CPPATH", "LD_PRELOAD", "LIBRARY_PATH",
    "LD_LIBRARY_PATH", "BUILD_DIR", "CACHE_DIR", "ENV_DIR", "STACK", "PYTHONHOME", "PYTHONPATH",
    "BASH_ENV", "ENV", "IFS", "SHELLOPTS", "BASHOPTS",
}  # fmt: skip
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# what installers read; the daemon keys dependency layers by the same names
INSTALLER = re.compile(
    r"(PIP|UV|PDM|POETRY|PIPENV|PYTHON|NPM|npm|NODE|YARN|PNPM|BUN|DENO|JSR"
    r"|GO(PROXY|PRIVATE|NOPROXY|SUMDB|NOSUMDB|INSECURE|FLAGS|TOOLCHAIN|VERSION|EXPERIMENT)?|CGO"
    r"|CARGO|RUST(UP|FLAGS|C)?|MAVEN|MVN|GRADLE|JAVA|BUNDLE|GEM|RUBY|COMPOSER|PHP"
    r"|GIT|BUILD|CC|CXX|(C|CXX|CPP|LD)FLAGS|EXTRA)(_.*)?"
)


def read(env_dir: str) -> dict[str, str]:
    """Every config var by name."""
    found = {}
    for name in sorted(os.listdir(env_dir)) if os.path.isdir(env_dir) else ():
        if KEY.fullmatch(name):
            with open(os.path.join(env_dir, name), errors="surrogateescape", newline="") as file:
                found[name] = file.read()
    return found


def exported(config: dict[str, str]) -> dict[str, str]:
    """The config vars a build step may have in its environment."""
    return {key: value for key, value in config.items() if key not in WITHHELD}


def for_installers(config: dict[str, str], named: list[str]) -> dict[str, str]:
    """Only what may influence a dependency layer: installers' own variables and those named.

    named are the variables the key files themselves refer to (a token in an index's URL).
    """
    wanted = set(named)
    return {
        key: value
        for key, value in exported(config).items()
        if INSTALLER.fullmatch(key) or key in wanted
    }


REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


def references(root: str, paths: list[str]) -> list[str]:
    """Names of variables written as ${NAME} in these files."""
    found: set[str] = set()
    for path in paths:
        with open(os.path.join(root, path), errors="replace") as file:
            found.update(REFERENCE.findall(file.read()))
    return sorted(found)
