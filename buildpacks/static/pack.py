"""The static buildpack: files served by the stack's nginx, with sensible headers."""

import os
from typing import Any

from lifecycle import say

from static import compress, nginx, settings

LANGUAGE = "Static"
LOOKS_FOR = f"static.json, or index.html in {', '.join(f'{f}/' for f in settings.FOLDERS if f)}"
LAYERS: dict[str, Any] = {}
FOLDER = ".static"
# nginx cannot read PORT itself: one line it includes is written at start
COMMAND = ". /app/.static/start"
START = """\
# sourced by the web process: what only the running container knows
# nginx opens its log by name, which the platform's own pipe does not allow: one of ours does
exec > >(trap '' TERM; exec cat)
log=off
if { : > /dev/stdout; } 2>/dev/null; then log='/dev/stdout combined'; fi
printf 'listen %s;\\naccess_log %s;\\n' "${PORT:-5000}" "$log" > /tmp/listen.conf
# on TERM nginx drops its downloads, on QUIT it finishes them; in a group of its own (-m) it
# hears only what the shell passes on
set -m
/usr/sbin/nginx -e stderr -p /tmp -c /app/.static/nginx.conf &
web=$!
trap 'kill -QUIT $web' TERM INT
wait $web
ended=$?
while kill -0 $web 2> /dev/null; do
    wait $web
    ended=$?
done
exit $ended
"""


def detect(root: str) -> list[str]:
    """static.json; or an index.html where nothing says how the app is run."""
    if os.path.isfile(os.path.join(root, settings.FILE)):
        return [settings.FILE]
    if os.path.isfile(os.path.join(root, "Procfile")):
        return []
    folder = settings.folder_with_index(root)
    return [] if folder is None else [os.path.join(folder, "index.html")]


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    return []


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """What serving the app's own files takes."""
    prepare(root, settings.Site(root))


def prepare(root: str, site: settings.Site) -> None:
    """nginx's configuration, the start lines, and compressed copies of what is text."""
    say.detail(f"serving {site.folder or 'the whole repository'} with nginx")
    if site.single_page:
        say.detail("a path that is no file gets index.html (single page app)")
    folder = os.path.join(root, FOLDER)
    os.makedirs(folder, exist_ok=True)
    for name, text in (("nginx.conf", nginx.configuration(site)), ("start", START)):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    compressed = compress.tree(os.path.join(root, site.folder))
    if compressed:
        say.detail(f"{compressed} files compressed ahead")


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    return {"default_process_types": {"web": COMMAND}}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {}
