"""Ruby itself: Debian's, or an archive as Heroku's buildpack has them."""

import os
import tarfile
import urllib.error
from typing import Any

from lifecycle import child, debian, say
from lifecycle.download import download
from lifecycle.say import Failure

from ruby import manifest
from ruby.manifest import Ruby

MIRROR = "RUBY_MIRROR_URL"
SERVER = "https://heroku-buildpack-ruby.s3.us-east-1.amazonaws.com"
FOLDER = ".heroku/ruby"
RUBY = f"/app/{FOLDER}"


def planned(wanted: Ruby, config: dict[str, str]) -> list[dict[str, Any]]:
    """Debian's packages, headers for the build alone; or the archive of another version."""
    if wanted.in_debian:
        run = debian.layer(["ruby", "ruby-bundler"])
        return [*run, *debian.layer(["ruby", "ruby-bundler", "ruby-dev"], build_only=True)]
    return [
        {
            "name": "runtime",
            "pack": "ruby",
            "runtime": wanted.text,
            "files": [],
            "provides": [FOLDER],
            "shared": MIRROR not in config,
            "build_only": False,
            "variables": [MIRROR],
        }
    ]


def install(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """The planned version at /app/.heroku/ruby. Failure when the server does not have it."""
    wanted = plan["runtime"]
    say.step(f"Installing Ruby {wanted}")
    server = (variables.get(MIRROR) or os.environ.get(MIRROR) or SERVER).rstrip("/")
    machine = debian.MACHINES.get(os.uname().machine, "amd64")
    address = f"{server}/{os.environ.get('STACK', 'heroku-24')}/{machine}/ruby-{wanted}.tgz"
    os.makedirs(RUBY, exist_ok=True)
    path = f"{RUBY}.tgz"
    try:
        download(address, path)
        with tarfile.open(path) as archive:
            archive.extractall(RUBY, filter="tar")
    except (OSError, tarfile.TarError) as error:
        raise unavailable(wanted, server, error) from error
    os.unlink(path)


def unavailable(wanted: str, server: str, error: Exception) -> Failure:
    reason = str(getattr(error, "reason", error))
    if isinstance(error, urllib.error.HTTPError):
        reason = f"it answered {error.code}"
    return Failure(
        f"Ruby {wanted} could not be had from {server}: {reason}",
        f"Debian's is {manifest.DEBIAN}: ask for that, or set {MIRROR} to a mirror of Heroku's "
        "archives of Ruby that this machine reaches",
    )


def path(root: str) -> str:
    """What comes first in PATH when the Ruby is not Debian's."""
    return "" if manifest.ruby(root).in_debian else f"{RUBY}/bin:"


def say_which(root: str) -> None:
    """One line on the Ruby in use and why."""
    wanted = manifest.ruby(root)
    base = {**os.environ, "PATH": f"{path(root)}{os.environ.get('PATH', '')}"}
    _, said = child.capture(["ruby", "-e", "print RUBY_VERSION"], base, "/")
    why = f"from {wanted.file}" if wanted.file else "Debian's; .ruby-version would choose"
    say.detail(f"Ruby {said.strip()} ({why})")
    if wanted.in_debian and wanted.asked.count(".") == 2 and wanted.asked != said.strip():
        say.detail(f"{wanted.file} has {wanted.asked}; patch releases follow Debian's")
