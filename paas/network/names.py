"""Names of containers on shared networks, in a small file that the name server reads.

Touches: <run_dir>/names.json. Written whole, so that it is always the old table or the
new one; readable by the name server's user alone.
"""

import json
import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paas.network.dns import user
from paas.settings import Settings


@dataclass(frozen=True, slots=True)
class Names:
    """askers: networks whose names the app in a slot may ask for. networks: names on each."""

    askers: Mapping[int, Sequence[str]] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def path(settings: Settings) -> Path:
    return settings.run_dir / "names.json"


def encode(settings: Settings, table: Names) -> str:
    """The table as the name server reads it: askers by their subnets."""
    return json.dumps(
        {
            "prefix": settings.subnet_prefix,
            "askers": {str(settings.subnet(slot)): [*nets] for slot, nets in table.askers.items()},
            "networks": table.networks,
            "slots": sorted(table.askers),
        },
        sort_keys=True,
    )


def write(settings: Settings, table: Names) -> bool:
    """Replace the table; whether it says something new."""
    text, place = encode(settings, table), path(settings)
    if read(place) == text:
        return False
    draft = place.with_suffix(".new")
    with draft.open("w") as file:
        os.fchmod(file.fileno(), 0o400)
        os.fchown(file.fileno(), pwd.getpwnam(user()).pw_uid, 0)
        file.write(text)
    draft.rename(place)
    return True


def askers(settings: Settings) -> list[int]:
    """Slots of the apps that may ask for names, as was told last; also by an earlier daemon."""
    try:
        return [int(slot) for slot in json.loads(read(path(settings)) or "{}").get("slots", ())]
    except ValueError:
        return []


def read(place: Path) -> str:
    try:
        return place.read_text()
    except FileNotFoundError:
        return ""
