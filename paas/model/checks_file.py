"""CHECKS: dokku's old file of health checks, read as the healthchecks of an app.json.

Pure. `WAIT=5`, `TIMEOUT=30` and `ATTEMPTS=5` lines, and a line a check: a path or a URL,
then the text its answer must have (dokku docs: deployment/zero-downtime-deploys).
"""

import re
from typing import Any
from urllib.parse import urlsplit

from paas.errors import PaasError

SETTING = re.compile(r"(WAIT|TIMEOUT|ATTEMPTS)=(\d{1,5})", re.ASCII)
CHECK = re.compile(r"(?P<url>(?:https?:)?/[^\s]*)(?:\s+(?P<content>.*))?")


def parse(text: str) -> list[dict[str, Any]]:
    """Entries as app.json has them under healthchecks.web; PaasError naming a wrong line."""
    settings: dict[str, int] = {}
    found: list[re.Match[str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if setting := SETTING.fullmatch(words):
            settings[setting[1].lower()] = int(setting[2])
        elif check := CHECK.fullmatch(words):
            found.append(check)
        else:
            raise PaasError(
                f"CHECKS: line {number} is neither a setting nor a check: {words[:80]!r}",
                "write WAIT=5, TIMEOUT=30, ATTEMPTS=5, or a path and the expected content",
            )
    return [entry(number, check, settings) for number, check in enumerate(found, start=1)]


def entry(number: int, check: re.Match[str], settings: dict[str, int]) -> dict[str, Any]:
    """One line as an entry. A host in its URL becomes the Host header; all go to the app."""
    url = urlsplit(check["url"])
    values: dict[str, Any] = {
        "name": f"CHECKS {number}",
        "type": "startup",
        "path": (url.path or "/") + (f"?{url.query}" if url.query else ""),
        **settings,
    }
    if check["content"]:
        values["content"] = check["content"].strip()
    if url.netloc:
        values["httpHeaders"] = [{"name": "Host", "value": url.netloc}]
    return values
