"""The instance that is set up: its settings, its settings file, and what belongs to it alone.

Touches: the settings file, and <state_dir>/quickstart.json, the record of what was made.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from paas.settings import SETTINGS_FILE, Settings, environment

DEFAULT_NAME = Settings().name


@dataclass(frozen=True, slots=True)
class Record:
    """What quickstart brought to the machine, so that --remove can take it away again."""

    packages: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    settings_file: str = ""
    key: str = ""

    def joined(self, more: "Record") -> "Record":
        """Both together; what was noted first stays."""
        return Record(
            packages=tuple(dict.fromkeys((*self.packages, *more.packages))),
            links=tuple(dict.fromkeys((*self.links, *more.links))),
            settings_file=self.settings_file or more.settings_file,
            key=self.key or more.key,
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance, as quickstart sees it."""

    settings: Settings
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether it is the machine's own: only that one gets a unit, links and /etc."""
        return self.settings.name == DEFAULT_NAME

    @property
    def settings_file(self) -> Path:
        """Where the daemon reads its settings from."""
        if named := environment("PAAS_SETTINGS"):
            return Path(named)
        return SETTINGS_FILE if self.is_default else self.settings.state_dir / "paas.toml"

    @property
    def variables(self) -> dict[str, str]:
        """What the daemon and the clients need in their environment to find this instance."""
        place = {"PAAS_RUN_DIR": str(self.settings.run_dir)}
        if self.settings_file.exists():
            return {**place, "PAAS_SETTINGS": str(self.settings_file)}
        return {**{f"PAAS_{key.upper()}": plain(v) for key, v in self.differing().items()}, **place}

    @property
    def _record_file(self) -> Path:
        return self.settings.state_dir / "quickstart.json"

    def record(self) -> Record:
        """What earlier runs have noted."""
        try:
            values = json.loads(self._record_file.read_text())
        except (OSError, ValueError):
            return Record()
        return Record(
            packages=tuple(values.get("packages", ())),
            links=tuple(values.get("links", ())),
            settings_file=values.get("settings_file", ""),
            key=values.get("key", ""),
        )

    def note(self, more: Record) -> None:
        """Remember more of what was brought."""
        self._record_file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._record_file, json.dumps(asdict(self.record().joined(more))))

    def write_settings(self) -> bool:
        """Write the settings file, or bring an existing one up to what was chosen now.

        Returns whether anything changed.
        """
        path = self.settings_file
        before = path.read_text() if path.exists() else None
        text = merged_toml(before if before is not None else HEADER, self.differing())
        if text == before:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)
        if before is None:
            self.note(Record(settings_file=str(path)))
        return True

    def differing(self) -> dict[str, object]:
        """Settings that are not the defaults, or were asked for now."""
        default = Settings()
        return {
            entry.name: value
            for entry in fields(Settings)
            if (value := getattr(self.settings, entry.name)) != getattr(default, entry.name)
            or entry.name in self.chosen
        }


HEADER = """\
# Settings of this paas instance; docs/settings.md tells what each of them means.
# The daemon reads them when it starts: systemctl restart paas
"""


def merged_toml(text: str, values: Mapping[str, object]) -> str:
    """The flat TOML text with the values in it; other lines and comments are kept."""
    lines = text.splitlines()
    for key, value in values.items():
        line = f"{key} = {literal(value)}"
        at = next((n for n, old in enumerate(lines) if old.partition("=")[0].strip() == key), None)
        lines[len(lines) if at is None else at : len(lines) if at is None else at + 1] = [line]
    return "\n".join(lines) + "\n"


def plain(value: object) -> str:
    """A value as a variable holds it."""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def literal(value: object) -> str:
    """A value as TOML writes it; JSON's strings, numbers and arrays are TOML's too."""
    if isinstance(value, tuple):
        return json.dumps(list(value))
    return json.dumps(value if isinstance(value, int | float) else str(value))


def write_private(path: Path, text: str) -> None:
    """Write a file of root's whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.chmod(0o600)
    with temporary.open() as written:
        os.fsync(written.fileno())
    temporary.replace(path)
