"""What the engine remembers of a container in its directory: container.json.

The kernel says what runs; this says what it was asked to be. Pure functions.
"""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from paas.model import extras
from paas.model.container import Container, ContainerSpec, ExitStatus, Kind, Limits, Mount, Power
from paas.model.extras import Extras
from paas.model.release import Layer


def encode(container: Container) -> str:
    """A container as JSON text."""
    return json.dumps(dataclasses.asdict(container), default=str)


def decode(text: str) -> Container:
    """The container in JSON text; ValueError, KeyError or TypeError when it is damaged."""
    values = json.loads(text)
    ended = values["exit"]
    return Container(
        spec=decode_spec(values["spec"]),
        address=IPv4Address(values["address"]),
        pid=int(values["pid"]),
        started_at=datetime.fromisoformat(values["started_at"]),
        exit=ExitStatus(**ended) if ended else None,
        up_since_s=float(values.get("up_since_s", 0)),
    )


def decode_spec(values: Mapping[str, Any]) -> ContainerSpec:
    """The spec in parsed JSON."""
    converted = {
        "kind": Kind(values["kind"]),
        "layers": tuple(Layer(**layer) for layer in values["layers"]),
        "shown": tuple(Layer(**layer) for layer in values.get("shown", ())),
        "argv": tuple(values["argv"]),
        "groups": tuple(values.get("groups", ())),
        "networks": tuple(values.get("networks", ())),
        "power": Power(values.get("power", Power.NONE)),
        "limits": Limits(**values["limits"]),
        "extras": extras.decode(values["extras"]) if "extras" in values else Extras(),
        "files": {target: Path(path) for target, path in values.get("files", {}).items()},
        "mounts": tuple(decode_mount(mount) for mount in values["mounts"]),
        "upper": Path(values["upper"]) if values["upper"] else None,
        "log": Path(values["log"]) if values["log"] else None,
        "terminal": tuple(values["terminal"]) if values.get("terminal") else None,
    }
    return ContainerSpec(**{**values, **converted})


def decode_mount(values: Mapping[str, Any]) -> Mount:
    ids = tuple((int(stored), int(inside), int(n)) for stored, inside, n in values.get("ids", ()))
    rest = {key: value for key, value in values.items() if key != "idmapped"}  # of older records
    return Mount(**{**rest, "source": Path(values["source"]), "ids": ids})
