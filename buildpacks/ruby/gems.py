"""The layer of gems: what the lock file names, into /app/vendor/bundle."""

import os
import shutil
from typing import Any

from lifecycle import child, config, say
from lifecycle.text import read

from ruby import manifest, reasons, runtime

FOLDER = "vendor/bundle"
MIRROR = "RUBYGEMS_MIRROR_URL"
WITHOUT = "development:test"


def settings(root: str, variables: dict[str, str]) -> dict[str, str]:
    """Bundler's settings, the same when it installs and when the app runs."""
    return {
        "BUNDLE_PATH": f"/app/{FOLDER}",
        "BUNDLE_DEPLOYMENT": "1",
        "BUNDLE_WITHOUT": variables.get("BUNDLE_WITHOUT", WITHOUT),
        "BUNDLE_DISABLE_VERSION_CHECK": "true",
    }


def install(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """bundle install as the lock file says, and out with what it no longer names."""
    vendored = manifest.CACHE in plan["files"]
    say.step(f"Installing gems{' from vendor/cache' if vendored else ''}")
    base = environment(source, cache, variables)
    relax_version(source)
    argv = ["bundle", "install", "--jobs", "4", "--retry", "2", *(["--local"] if vendored else [])]
    done = child.run(argv, base, source)
    if done.status:
        raise reasons.bundler(done.output)
    if plan.get("grown"):
        child.run(["bundle", "clean", "--force"], base, source)
    shutil.rmtree("/app/vendor/bundle/cache", ignore_errors=True)


def environment(source: str, cache: str, variables: dict[str, str]) -> dict[str, str]:
    """What bundler gets: its downloads on the app's cache mount, its mirror in a file."""
    folder = "/tmp/bundle"
    os.makedirs(folder, exist_ok=True)
    if mirror := variables.get(MIRROR) or os.environ.get(MIRROR):
        with open(f"{folder}/config", "w") as file:
            file.write(f'---\nBUNDLE_MIRROR__ALL: "{mirror}"\n')
    return {
        **os.environ,
        **config.exported(variables),
        **settings(source, variables),
        "PATH": f"{runtime.path(source)}{os.environ.get('PATH', '')}",
        "BUNDLE_GEMFILE": os.path.join(source, "Gemfile"),
        "BUNDLE_APP_CONFIG": folder,
        "BUNDLE_USER_HOME": f"{cache}/bundle",
        "BUNDLE_GLOBAL_GEM_CACHE": "true",
        "BUNDLE_SILENCE_ROOT_WARNING": "1",
    }


def relax_version(source: str) -> None:
    """Debian's patch release in place of the one the files name: bundler would refuse it."""
    wanted = manifest.ruby(source)
    if not wanted.in_debian:
        return
    path = os.path.join(source, "Gemfile")
    text = read(source, "Gemfile")
    relaxed = manifest.DECLARED.sub("", text)
    if relaxed != text:
        with open(path, "w") as file:
            file.write(relaxed)
