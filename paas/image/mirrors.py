"""Which Debian mirror this host uses, so that the stack comes from the same one.

Touches: reads /etc/apt and /etc/os-release. Source: sources.list(5), both formats.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ARCHIVE = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One place that packages come from."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where Debian's packages and their security updates come from."""

    archive: str = ARCHIVE
    security: str = SECURITY

    def sources(self, suite: str, keyring: Path) -> tuple[str, ...]:
        """Lines for the sources.list of another suite, signed by keyring's keys."""
        places = (
            (self.archive, suite),
            (self.archive, f"{suite}-updates"),
            (self.security, f"{suite}-security"),
        )
        return tuple(f"deb [signed-by={keyring}] {uri} {name} main" for uri, name in places)


def of_host(etc: Path = Path("/etc")) -> Mirrors:
    """The mirrors in the host's own apt sources; Debian's where it names none."""
    own = codename(etc)
    known = list(entries(etc))
    return Mirrors(
        best(known, own, "/debian") or ARCHIVE,
        best(known, f"{own}-security", "/debian-security") or SECURITY,
    )


def best(known: list[Entry], suite: str, ending: str) -> str | None:
    """The mirror of a suite: third parties use Debian's suite names too, so rank them."""
    fitting = [entry for entry in known if suite in entry.suites and "main" in entry.components]
    fitting.sort(key=lambda entry: not entry.uri.endswith(ending))
    return fitting[0].uri if fitting else None


def codename(folder: Path) -> str:
    """`bookworm`; "" where the os-release in a folder does not say."""
    try:
        text = (folder / "os-release").read_text()
    except FileNotFoundError:
        return ""
    match = re.search(r'^VERSION_CODENAME="?([a-z]+)"?$', text, re.MULTILINE)
    return match[1] if match else ""


def entries(etc: Path) -> Iterator[Entry]:
    """Every enabled entry of every sources file, with mirror lists followed."""
    directory = etc / "apt" / "sources.list.d"
    files = [etc / "apt" / "sources.list", *sorted(directory.glob("*.list"))]
    found = [entry for path in files if path.is_file() for entry in one_line(path.read_text())]
    for path in sorted(directory.glob("*.sources")):
        found += deb822(path.read_text())
    for entry in found:
        uri = resolved(entry.uri, etc).rstrip("/")
        if uri.startswith(("http://", "https://")):
            yield Entry(uri, entry.suites, entry.components)


def one_line(text: str) -> Iterator[Entry]:
    """Entries of the old format: deb [options] uri suite components."""
    for line in text.splitlines():
        if match := ONE_LINE.match(line.split("#")[0].strip()):
            yield Entry(match[1], (match[2],), tuple(match[3].split()))


def deb822(text: str) -> Iterator[Entry]:
    """Entries of the new format: stanzas of fields."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = stanza_fields(stanza)
        if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
            for uri in fields.get("uris", []):
                suites, components = fields.get("suites", []), fields.get("components", [])
                yield Entry(uri, tuple(suites), tuple(components))


def stanza_fields(stanza: str) -> dict[str, list[str]]:
    """A stanza's fields in lower case, each a list of words; comments left out."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if not line[:1].isspace():
            name, _, line = line.partition(":")  # noqa: PLW2901 - the rest is the value
            name = name.strip().lower()
        fields.setdefault(name, []).extend(line.split())
    return fields


def resolved(uri: str, etc: Path) -> str:
    """The first mirror of a mirror+file list (Debian's cloud images); other URIs as they are."""
    if not uri.startswith("mirror+file:"):
        return uri
    path = Path("/" + uri.removeprefix("mirror+file:").lstrip("/"))
    path = etc / path.relative_to("/etc") if path.is_relative_to("/etc") else path
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return uri
    words = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    return words[0][0] if words else uri
