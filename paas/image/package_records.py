"""Records that package managers leave of what they installed, read. Pure but for the open file.

Standard library only. Each reader gives the packages that one file tells of, and may raise
any of NOT_UNDERSTOOD.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Any, BinaryIO

READ_BYTES = 8 << 20
NOT_UNDERSTOOD = (MemoryError, ValueError, KeyError, TypeError, AttributeError, OSError,
                  RecursionError, EOFError, IndexError, NotImplementedError)  # fmt: skip
LICENSE_CLASSIFIER = "License :: OSI Approved :: "
UNKNOWN = ("", "UNKNOWN")
SHORT = 80  # a licence's name, not its text
OPERATORS = re.compile(r" (?:AND|OR|WITH) ")


@dataclass(frozen=True, slots=True)
class Package:
    """One package. type is a package URL's; name has its namespace, as in @babel/core.

    licenses are names, or expressions of them, as the package gives them.
    """

    type: str
    name: str
    version: str
    licenses: tuple[str, ...] = ()


def text(file: BinaryIO) -> str:
    return file.read(READ_BYTES).decode(errors="replace")


# -- of systems ------------------------------------------------------------------------------


def debian(file: BinaryIO, _path: str) -> Iterator[Package]:
    """Dpkg's status file; the name is name:architecture."""
    for paragraph in text(file).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line[:40])
        if fields.get("Status", "install ok installed").endswith(" installed"):
            name, architecture = fields.get("Package", ""), fields.get("Architecture", "")
            yield Package(
                "deb", f"{name}:{architecture}" if name else "", fields.get("Version", "")
            )


def alpine(file: BinaryIO, _path: str) -> Iterator[Package]:
    """Apk's database of what is installed."""
    for paragraph in text(file).split("\n\n"):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        licenses = (fields["L"],) if fields.get("L") else ()
        yield Package("apk", fields.get("P", ""), fields.get("V", ""), licenses)


# -- of languages ----------------------------------------------------------------------------


def python(file: BinaryIO, _path: str) -> Iterator[Package]:
    """METADATA of an installed distribution (Core metadata 2.4)."""
    found = HeaderParser().parsestr(text(file))
    yield Package("pypi", found["Name"], found["Version"], python_licenses(found))


def python_licenses(found: Message) -> tuple[str, ...]:
    """The expression, else the classifiers' names, else a name that is short enough for one."""
    if found["License-Expression"]:
        return (str(found["License-Expression"]),)
    classifiers = [str(one) for one in found.get_all("Classifier", ())]
    names = [one.removeprefix(LICENSE_CLASSIFIER) for one in classifiers]
    approved = tuple(name for name, one in zip(names, classifiers, strict=True) if name != one)
    single = str(found["License"] or "").strip()
    fits = single not in UNKNOWN and "\n" not in single and len(single) <= SHORT
    return approved or ((single,) if fits else ())


def npm(file: BinaryIO, _path: str) -> Iterator[Package]:
    """package.json of an installed package."""
    found = json.loads(text(file))
    yield Package("npm", str(found["name"]), str(found["version"]), tuple(npm_licenses(found)))


def npm_licenses(found: dict[str, Any]) -> Iterator[str]:
    """One name, or the older forms."""
    told = found.get("license", found.get("licenses", ()))
    for one in told if isinstance(told, list) else (told,):
        name = one.get("type") if isinstance(one, dict) else one
        if isinstance(name, str) and name and len(name) <= SHORT:
            yield name


def yarn(_file: BinaryIO, path: str) -> Iterator[Package]:
    """A package that Yarn keeps zipped tells by its file's name."""
    match = YARN_NAME.search(path)
    if match:
        scope, name, version = match.groups()
        yield Package("npm", f"@{scope}/{name}" if scope else name, version)


def gem(file: BinaryIO, _path: str) -> Iterator[Package]:
    """A gemspec as RubyGems writes it."""
    found = text(file)
    name, version = GEM_NAME.search(found), GEM_VERSION.search(found)
    if name and version:
        told = GEM_LICENSES.search(found)
        licenses = tuple(QUOTED.findall(told[1])) if told else ()
        yield Package("gem", name[1], version[1], licenses)


def composer(file: BinaryIO, _path: str) -> Iterator[Package]:
    """vendor/composer/installed.json, of Composer 1 and 2."""
    found = json.loads(text(file))
    for one in found["packages"] if isinstance(found, dict) else found:
        licenses = [str(name) for name in one.get("license") or ()]
        version = str(one["version"]).removeprefix("v")
        yield Package("composer", str(one["name"]), version, tuple(licenses))


def cargo(file: BinaryIO, _path: str) -> Iterator[Package]:
    """Cargo.lock: crates that come from elsewhere."""
    for one in tomllib.loads(text(file)).get("package", ()):
        if one.get("source"):
            yield Package("cargo", str(one["name"]), str(one["version"]))


YARN_NAME = re.compile(
    r"\.yarn/cache/(?:@([^/]+?)-)?([^/@]+?)-npm-([^/]+?)-[0-9a-f]{10}[^/]*\.zip$"
)
GEM_NAME = re.compile(r"""^\s*s\.name = ["'](?P<name>[^"']+)["']""", re.MULTILINE)
GEM_VERSION = re.compile(r"""^\s*s\.version = ["']([^"']+)["']""", re.MULTILINE)
GEM_LICENSES = re.compile(r"^\s*s\.licenses = \[(.*)\]", re.MULTILINE)
QUOTED = re.compile(r"""["']([^"']+)["']""")

Reader = Callable[[BinaryIO, str], Iterator[Package]]
# which file tells of what; the first that fits
READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"^var/lib/dpkg/status$"), debian),
    (re.compile(r"^var/lib/dpkg/status\.d/[^/.]+$"), debian),
    (re.compile(r"^lib/apk/db/installed$"), alpine),
    (re.compile(r"\.dist-info/METADATA$|\.egg-info/PKG-INFO$"), python),
    (re.compile(r"(^|/)node_modules/(@[^/]+/)?[^/@.][^/]*/package\.json$"), npm),
    (re.compile(r"(^|/)\.yarn/cache/[^/]+\.zip$"), yarn),
    (re.compile(r"(^|/)specifications/(default/)?[^/]+\.gemspec$"), gem),
    (re.compile(r"(^|/)composer/installed\.json$"), composer),
    (re.compile(r"^(?!.*/(registry|vendor)/).*(^|/)Cargo\.lock$"), cargo),
)
