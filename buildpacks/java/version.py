"""Which Java: Heroku's system.properties, else what the build files compile for."""

import os
import re

from lifecycle import debian, say, suite
from lifecycle.say import Failure

AVAILABLE = suite.versions().java
DEFAULT = AVAILABLE[0]
MAVEN = "3.9.16"
PROPERTIES = "system.properties"
NUMBER = re.compile(r"(?:1\.)?(\d+)(?:[._]\d+)*")
# pom.xml, and build.gradle in both languages
COMPILED_FOR = (
    re.compile(
        r"<(?:java\.version|maven\.compiler\.release|maven\.compiler\.target)>\s*([\d.]+)\s*<"
    ),
    re.compile(r"<release>\s*([\d.]+)\s*</release>"),
    re.compile(r"JavaLanguageVersion\.of\(\s*[\"']?(\d+)"),
    re.compile(
        r"(?:sourceCompatibility|targetCompatibility)\s*=\s*(?:JavaVersion\.VERSION_)?[\"']?(\d+)"
    ),
)


class Wanted:
    """The Java to use, and why."""

    def __init__(self, major: int, why: str) -> None:
        self.major = major
        self.why = why


def wanted(root: str) -> Wanted:
    """The first of Debian's that is not older than what is asked for. Failure when none is."""
    text = properties(root).get("java.runtime.version", "")
    if text:
        return served(number(text), PROPERTIES)
    for name in ("pom.xml", "build.gradle", "build.gradle.kts"):
        for pattern in COMPILED_FOR:
            if match := pattern.search(read(root, name)):
                return served(number(match[1]), name)
    return Wanted(DEFAULT, f"the stack's; java.runtime.version in {PROPERTIES} would choose")


def served(asked: int, file: str) -> Wanted:
    for major in AVAILABLE:
        if major == asked:
            return Wanted(major, f"from {file}")
        if major > asked:
            return Wanted(major, f"which runs what is made for {asked}, as {file} says")
    raise Failure(
        f"{file} asks for Java {asked}, and the newest here is {AVAILABLE[-1]}",
        f"write java.runtime.version={AVAILABLE[-1]} in {PROPERTIES}, and compile for that",
    )


def number(text: str) -> int:
    """21 of `21`, `21.0.4`, `openjdk-21`, `zulu-21.0.1`; 8 of `1.8`."""
    match = NUMBER.fullmatch(text.strip().rpartition("-")[2])
    if match is None:
        raise Failure(
            f"{PROPERTIES} asks for Java {text[:80]!r}, which is not a version",
            f"write java.runtime.version={DEFAULT}",
        )
    return int(match[1])


def properties(root: str) -> dict[str, str]:
    """Keys and values of system.properties."""
    pairs = (line.partition("=") for line in read(root, PROPERTIES).splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if not key.startswith("#")}


def maven(root: str) -> str:
    """The Maven to fetch for a project without a wrapper."""
    text = properties(root).get("maven.version", "") or MAVEN
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[\w.-]+)?", text):
        raise Failure(
            f"{PROPERTIES} asks for Maven {text[:80]!r}, which is not a version",
            f"write maven.version={MAVEN}",
        )
    return text


def home(major: int) -> str:
    """Where Debian has it."""
    return f"/usr/lib/jvm/java-{major}-openjdk-{debian.MACHINES.get(os.uname().machine, 'amd64')}"


def read(root: str, name: str) -> str:
    path = os.path.join(root, name)
    if not os.path.isfile(path):
        return ""
    with open(path, errors="replace") as file:
        return file.read(1 << 20)


def say_which(root: str) -> None:
    choice = wanted(root)
    say.detail(f"Java {choice.major} ({choice.why})")
