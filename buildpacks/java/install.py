"""Layers with files of Maven's repository: Maven itself, and what serves a war."""

import hashlib
import os
import shutil
import tarfile
import urllib.error
from typing import Any

from lifecycle import say
from lifecycle.download import download
from lifecycle.say import Failure

from java import projects, version

MIRROR = "MAVEN_MIRROR_URL"
REPOSITORY = "https://repo.maven.apache.org/maven2"
MAVEN = "/app/.heroku/maven"
SERVLETS = "/app/.heroku/servlets/runner.jar"
# the hashes of what we choose ourselves; of others, the one beside the file has to do
KNOWN = {
    f"maven {version.MAVEN}": (
        "831a8591fe20c8243b1dbe7d71e3244f31d1665b0804b2e825e38cbbe5ce0caf"
        "b8338851f90780735568773e0a6cd07bbec107cda0b896b008b861075358b6f6"
    ),
    projects.JETTY: "9cf9f6fa660f85277e83cfb44c4bbfb1b707e89700a78c33f79880f74ce26bcf",
    projects.WEBAPP_RUNNER: "aa714af1a55b45c9f39eccb48e98ac2efeccf4350bc20426cbf5ecf3d81ae9ea",
}


def maven(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """Maven at /app/.heroku/maven. Failure when there is no such version."""
    number = plan["runtime"]
    say.step(f"Installing Maven {number}")
    server = repository(variables)
    address = f"{server}/org/apache/maven/apache-maven/{number}/apache-maven-{number}-bin.tar.gz"
    os.makedirs("/app/.heroku", exist_ok=True)
    path = "/app/.heroku/maven.tar.gz"
    fetch(address, path, f"Maven {number}", f"correct maven.version in {version.PROPERTIES}")
    digest = KNOWN.get(f"maven {number}") or text(f"{address}.sha512").split()[0]
    check(path, "sha512", digest, address)
    with tarfile.open(path) as archive:
        archive.extractall("/app/.heroku/draft", filter="tar")
    os.rename(f"/app/.heroku/draft/apache-maven-{number}", MAVEN)
    shutil.rmtree("/app/.heroku/draft")
    os.unlink(path)


def servlets(source: str, cache: str, variables: dict[str, str], plan: dict[str, Any]) -> None:
    """The program that serves a war."""
    group, name, number = plan["runtime"].split(":")
    say.step(f"Installing {name} {number}")
    address = (
        f"{repository(variables)}/{group.replace('.', '/')}/{name}/{number}/{name}-{number}.jar"
    )
    os.makedirs(os.path.dirname(SERVLETS), exist_ok=True)
    fetch(address, SERVLETS, f"{name} {number}", "push again")
    check(SERVLETS, "sha256", KNOWN[plan["runtime"]], address)


def repository(variables: dict[str, str]) -> str:
    return (variables.get(MIRROR) or os.environ.get(MIRROR) or REPOSITORY).rstrip("/")


def fetch(address: str, path: str, what: str, remedy: str) -> None:
    try:
        download(address, path)
    except urllib.error.HTTPError as error:
        raise Failure(f"there is no {what} in {address}", remedy) from error
    except OSError as error:
        raise Failure(
            f"{what} could not be fetched: {getattr(error, 'reason', error)}",
            f"set {MIRROR} to a mirror of Maven's repository that this machine reaches",
        ) from error


def text(address: str) -> str:
    fetch(address, "/tmp/digest", "hash", "push again")
    with open("/tmp/digest") as file:
        return file.read(1000)


def check(path: str, algorithm: str, digest: str, address: str) -> None:
    with open(path, "rb") as file:
        if hashlib.file_digest(file, algorithm).hexdigest() != digest:
            raise Failure(f"{address} is not what its hash says", "push again, or use a mirror")
