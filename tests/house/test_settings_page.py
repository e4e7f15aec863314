"""docs/settings.md names every setting with its real default, and no other."""

import re
from dataclasses import fields
from pathlib import Path

from paas.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
PROCESSORS = "*(processors)*"


def shown(value: object) -> str:
    """A default as the page writes it."""
    if value in ("", ()):
        return "*(empty)*"
    return f"`{','.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def as_number(text: str) -> str:
    """`2 GiB` as the number of bytes; other text as it is."""
    found = re.fullmatch(r"`(\d+) ([KMG]iB)`", text)
    return f"`{int(found[1]) * UNITS[found[2]]}`" if found else text


def rows() -> dict[str, str]:
    return {name: default for name, default, _ in ROW.findall(PAGE.read_text())}


def test_every_setting_is_described_and_nothing_else_is() -> None:
    assert sorted(rows()) == sorted(entry.name for entry in fields(Settings))


def test_the_defaults_on_the_page_are_the_real_ones() -> None:
    default = Settings()
    for name, text in rows().items():
        if text != PROCESSORS:
            assert as_number(text) == shown(getattr(default, name)), name
