"""A software bill of materials of an image, as CycloneDX 1.6 has it. Pure.

Equal images give equal documents. Source: cyclonedx.org/docs/1.6/json.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from paas.image.package_records import OPERATORS, Package

NAMESPACE = UUID("2f0f6c1e-5a0b-5c0e-9a57-6d4c7cf6c6a4")  # of serial numbers of ours
MEDIA_TYPE = "application/vnd.cyclonedx+json"
DISTRIBUTIONS = {"deb": "debian", "apk": "alpine"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a bill is of: an app's release, or an image by its name."""

    name: str
    version: str
    image_id: str
    created_at: datetime
    commit: str = ""


def seen(inventories: Sequence[Mapping[str, Any]]) -> list[Package]:
    """The packages an image shows: of its layers' inventories, bottom first, each in JSON.

    A file that an upper layer has again counts there alone; what it hides is not there.
    """
    found: dict[Package, None] = {}
    above: set[str] = set()
    hidden: set[str] = set()
    for inventory in reversed(inventories):
        for path, listed in inventory["files"].items():
            if path not in above and not any(part in hidden for part in ways(path)):
                found |= dict.fromkeys(Package(t, n, v, tuple(ls)) for t, n, v, ls in listed)
        above |= set(inventory["files"])
        hidden |= set(inventory["hidden"])
    return sorted(found, key=lambda one: (one.type, one.name, one.version, one.licenses))


def ways(path: str) -> Iterator[str]:
    """A path and every folder that leads to it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def document(subject: Subject, packages: Iterable[Package], suite: str, program: str) -> str:
    """The bill as JSON. suite: Debian's, for its packages' addresses; program: our version."""
    # half a second and megabytes, for what is asked now and then
    from cyclonedx.model.bom import Bom  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output.json import JsonV1Dot6  # noqa: PLC0415

    bom = Bom(serial_number=uuid5(NAMESPACE, f"{subject.name} {subject.image_id}"))
    bom.metadata.timestamp = subject.created_at
    bom.metadata.tools.components.add(
        Component(name="paas", version=program, type=ComponentType.APPLICATION)
    )
    top = Component(
        name=subject.name,
        version=subject.version,
        type=ComponentType.CONTAINER,
        bom_ref=f"image:{subject.image_id}",
        properties=properties(subject),
    )
    bom.metadata.component = top
    parts = list({one.bom_ref.value: one for one in components(packages, suite)}.values())
    bom.components.update(parts)
    bom.register_dependency(top, parts)
    return str(JsonV1Dot6(bom).output_as_string(indent=2))


def properties(subject: Subject) -> list[Any]:
    from cyclonedx.model import Property  # noqa: PLC0415

    values = {"paas:image": subject.image_id, "paas:commit": subject.commit}
    return [Property(name=name, value=value) for name, value in values.items() if value]


def components(packages: Iterable[Package], suite: str) -> Iterator[Any]:
    """A component for each package, known by its package URL."""
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    for one in packages:
        kind, space, name, extra = address(one, suite)
        purl = PackageURL(kind, space or None, name, one.version or None, extra)
        yield Component(
            name=name,
            group=space if kind not in DISTRIBUTIONS else None,
            version=one.version or None,
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=purl.to_string(),
            licenses=licenses(one.licenses),
        )


def address(package: Package, suite: str) -> tuple[str, str, str, dict[str, str]]:
    """Type, namespace, name and qualifiers of a package URL."""
    kind = package.type
    if kind == "deb":
        name, _, architecture = package.name.partition(":")
        return kind, DISTRIBUTIONS[kind], name, {"arch": architecture, "distro": suite}
    if kind in DISTRIBUTIONS:
        return kind, DISTRIBUTIONS[kind], package.name, {}
    name = package.name.lower().replace("_", "-") if kind == "pypi" else package.name
    space, _, last = name.rpartition("/")
    return kind, space, last, {}


def licenses(names: Sequence[str]) -> list[Any]:
    """Licences by their SPDX names, as one expression, or else as they are called."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression  # noqa: PLC0415
    from cyclonedx.spdx import fixup_id  # noqa: PLC0415

    if len(names) == 1 and is_expression(names[0], fixup_id):
        return [LicenseExpression(names[0])]
    made = []
    for name in names:
        known = fixup_id(name)
        made.append(DisjunctiveLicense(id=known) if known else DisjunctiveLicense(name=name))
    return made


def is_expression(text: str, fixup_id: Any) -> bool:
    """Whether SPDX knows all that stands between the words of an expression."""
    parts = [part.strip("() ") for part in OPERATORS.split(text)]
    return len(parts) > 1 and " WITH " not in text and all(fixup_id(one) == one for one in parts)
