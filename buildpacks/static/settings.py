"""What to serve and how: static.json, in the form of Heroku's static buildpack, or defaults."""

import json
import os
from typing import Any

from lifecycle import say
from lifecycle.say import Failure

from static import netlify

FILE = "static.json"
FOLDERS = ("", "public", "dist", "build", "_site", "www", "public_html", "out")
KNOWN = ("root", "clean_urls", "routes", "error_page", "redirects", "headers")


class Site:
    """A static site: the folder served and how paths are answered.

    built: the folder that a build before has made, where one has.
    """

    def __init__(self, root: str, built: str = "") -> None:
        self.root = root
        self.built = built
        document = read(root)
        self.declared = bool(document)
        self.folder = self.served(document)
        self.clean_urls = expect(document, "clean_urls", bool, default=False)
        self.routes = strings(document, "routes")
        self.error_page = expect(document, "error_page", str, default="")
        self.redirects = redirects(document)
        self.headers = {
            path: strings({path: values}, path)
            for path, values in expect(document, "headers", dict, default={}).items()
        }
        if self.has("404.html") and not self.error_page:
            self.error_page = "404.html"
        if not self.declared:
            rules = netlify.Rules(os.path.join(root, self.folder))
            self.routes, self.redirects, self.headers = rules.routes, rules.redirects, rules.headers

    def served(self, document: dict[str, Any]) -> str:
        """The folder with the files, relative to the app's root."""
        wanted = expect(document, "root", str, default="")
        if wanted:
            folder = os.path.normpath(wanted)
            inside = not folder.startswith(("..", "/"))
            if not inside or not os.path.isdir(os.path.join(self.root, folder)):
                raise Failure(
                    f"{FILE}: root is {wanted[:200]!r}, and there is no such folder",
                    "name a folder of the repository, or one that the build makes",
                )
            return "" if folder == "." else folder
        found = self.built or folder_with_index(self.root)
        if found is None:
            raise Failure(
                f"{FILE} names no root, and no folder has an index.html",
                f'add one to {FILE}, such as {{"root": "dist"}}',
            )
        return found

    def has(self, name: str) -> bool:
        return os.path.isfile(os.path.join(self.root, self.folder, name))

    @property
    def single_page(self) -> bool:
        """Whether unknown paths get index.html: said so, or a lone index.html."""
        if self.routes:
            return self.routes.get("/**") == "index.html"
        if self.declared or self.error_page:
            return False
        return self.pages() == ["index.html"]

    def pages(self) -> list[str]:
        """The HTML files at the top, and whether folders have some too."""
        found = []
        for folder, folders, names in os.walk(os.path.join(self.root, self.folder)):
            folders[:] = [name for name in folders if not name.startswith(".")]
            here = os.path.relpath(folder, os.path.join(self.root, self.folder))
            pages = [name for name in names if name.endswith((".html", ".htm"))]
            found += [os.path.normpath(os.path.join(here, name)) for name in pages]
            if len(found) > 1:
                break
        return found


def folder_with_index(root: str) -> str | None:
    """The first usual folder with an index.html, "" for the root itself."""
    for folder in FOLDERS:
        if os.path.isfile(os.path.join(root, folder, "index.html")):
            return folder
    return None


def read(root: str) -> dict[str, Any]:
    try:
        with open(os.path.join(root, FILE), encoding="utf-8-sig") as file:
            document = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Failure(f"{FILE} is not valid JSON: {error}", "correct it and push again") from error
    if not isinstance(document, dict):
        raise Failure(f"{FILE} is not a JSON object", "it must begin with {")
    for key in sorted(document.keys() - set(KNOWN)):
        say.detail(f"{FILE}: {key[:40]} is not used here")
    return document


def expect(document: dict[str, Any], key: str, kind: type, *, default: Any) -> Any:
    value = document.get(key, default)
    if isinstance(value, kind):
        return value
    raise Failure(f"{FILE}: {key[:200]} has the wrong type", f"it must be a {kind.__name__}")


def strings(document: dict[str, Any], key: str) -> dict[str, str]:
    table = expect(document, key, dict, default={})
    for name, value in table.items():
        if not isinstance(value, str) or not (name + value).isprintable():
            raise Failure(f"{FILE}: {key[:100]}.{name[:100]} must be a printable text")
    return dict(table)


def redirects(document: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Path to status and target."""
    found = {}
    for path, target in expect(document, "redirects", dict, default={}).items():
        url = target.get("url") if isinstance(target, dict) else target
        status = target.get("status", 301) if isinstance(target, dict) else 301
        if not isinstance(url, str) or status not in (301, 302, 303, 307, 308):
            raise Failure(
                f"{FILE}: redirects.{path[:100]} needs a url and a status from 301 to 308"
            )
        found[path] = (status, url)
    return found
