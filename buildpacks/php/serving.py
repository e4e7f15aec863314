"""How pages are served: php-fpm behind nginx or Apache, both in one process group.

`heroku-php-nginx ROOT` and `heroku-php-apache2 ROOT`, as Procfiles written for Heroku
have them, start the same script. It writes what only the running container knows (port,
memory) below /tmp.
"""

import os
import shutil

from lifecycle import packs, say
from lifecycle.say import Failure

from php import extensions, manifest

FOLDER = ".heroku/php"
SCRIPT = "serve"
PROGRAMS = {"nginx": "heroku-php-nginx", "apache": "heroku-php-apache2"}
PACKAGES: dict[str, tuple[str, ...]] = {"nginx": (), "apache": ("apache2-bin",)}
SETTING, ROOT_SETTING = "PHP_SERVER", "PHP_DOCUMENT_ROOT"
PARTS = ("serve", "nginx.conf", "apache.conf", "fpm.conf")


def server(config: dict[str, str]) -> str:
    """nginx, unless config says apache. Failure for anything else."""
    name = config.get(SETTING, "nginx").lower().removesuffix("2")
    if name not in PROGRAMS:
        raise Failure(
            f"{SETTING} is {name[:80]!r}, which is no server of this buildpack",
            f"config:set <app> {SETTING}=nginx, or apache",
        )
    return name


def write(root: str) -> None:
    """The script, its templates and the programs that Procfiles name."""
    folder = os.path.join(root, FOLDER)
    os.makedirs(folder, exist_ok=True)
    for name in PARTS:
        shutil.copy(os.path.join(packs.ROOT, "php", "files", name), os.path.join(folder, name))
    os.chmod(os.path.join(folder, SCRIPT), 0o755)
    for name, program in PROGRAMS.items():
        line = f'#!/bin/bash\nexec /app/{FOLDER}/{SCRIPT} {name} {extensions.VERSION} "$@"\n'
        place(os.path.join(folder, program), line)
        place(os.path.join(root, "vendor", "bin", program), line)


def place(path: str, text: str) -> None:
    """Write a program where none is."""
    if os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


def default_processes(root: str, config: dict[str, str]) -> dict[str, str]:
    """The server of choice over the folder that config names, or that has the first page."""
    if manifest.exists(root, "Procfile"):
        return {}
    folder = config.get(ROOT_SETTING, manifest.document_root(root)).strip("/")
    if not os.path.isdir(os.path.join(root, folder)):
        raise Failure(
            f"{ROOT_SETTING} names {folder[:80]}, which is no folder of the app",
            "correct it with config:set",
        )
    say.detail(
        f"serving {f'{folder}/' if folder else 'the whole repository'} with {server(config)}"
    )
    return {"web": f"{PROGRAMS[server(config)]} {folder}".strip()}
