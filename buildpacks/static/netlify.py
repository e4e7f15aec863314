"""Netlify's _redirects and _headers, which many site generators write beside their pages.

Sources: docs.netlify.com, "Redirects and rewrites" and "Custom headers". What depends
on a visitor's country, language or cookies is left out, and said to be.
"""

import os
import re

from lifecycle import say

STATUS = re.compile(r"(\d{3})(!?)")
REDIRECTING = (301, 302, 303, 307, 308)


class Rules:
    """What the two files say, in the terms of a static.json."""

    def __init__(self, folder: str) -> None:
        self.routes: dict[str, str] = {}
        self.redirects: dict[str, tuple[int, str]] = {}
        self.headers: dict[str, dict[str, str]] = {}
        for line in lines(os.path.join(folder, "_redirects")):
            self.redirect(line.split())
        self.read_headers(lines(os.path.join(folder, "_headers")))

    def redirect(self, words: list[str]) -> None:
        """One line: from, to, and perhaps a status; 200 answers with another file."""
        match = STATUS.fullmatch(words[2]) if len(words) > 2 else None
        status = int(match[1]) if match else 301
        usable = len(words) == 2 or (len(words) == 3 and match is not None)
        if not usable or not words[0].startswith("/") or not "".join(words).isprintable():
            say.detail(f"_redirects: this line is not used here: {' '.join(words)[:80]}")
        elif status in REDIRECTING:
            self.redirects.setdefault(words[0], (status, words[1]))
        elif status == 200 and words[1].startswith("/") and ":" not in words[1]:
            self.routes.setdefault(everything(words[0]), words[1].lstrip("/"))
        else:
            say.detail(f"_redirects: this line is not used here: {' '.join(words)[:80]}")

    def read_headers(self, found: list[str]) -> None:
        """Blocks: a path, then its headers, each indented."""
        pattern = ""
        for line in found:
            if not line[0].isspace():
                pattern = everything(line.strip())
                continue
            name, separator, value = line.partition(":")
            if separator and pattern and re.fullmatch(r"[\w-]+", name.strip()):
                self.headers.setdefault(pattern, {})[name.strip()] = value.strip()


def everything(path: str) -> str:
    """A path whose star takes all below, as static.json writes it."""
    return f"{path}*" if path.endswith("/*") else path


def lines(path: str) -> list[str]:
    """The lines of a file that say something."""
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        found = [line.rstrip() for line in file.read(1 << 20).split("\n")]
    return [line for line in found if line.strip() and not line.strip().startswith("#")]
