"""Aptfile: the Debian packages an app wants, as for Heroku's apt buildpack.

Names, addresses of .deb files, and further repositories:

    imagemagick
    https://example.com/tool_1.2_amd64.deb
    :repo:deb https://apt.example.com/debian trixie main
"""

import os
import re

from lifecycle.say import Failure

FOR_APP, FOR_BUILD = "Aptfile", "Aptfile.build"
REPOSITORY = ":repo:"
LONGEST = 256 << 10


class Aptfile:
    """What one file asks for: packages (addresses among them) and repositories beside Debian's."""

    def __init__(self, packages: list[str], repositories: list[str]) -> None:
        self.packages = packages
        self.repositories = repositories


def read(root: str, name: str) -> Aptfile:
    """The file of that name, empty when there is none; Failure for what is no Aptfile."""
    packages: list[str] = []
    repositories: list[str] = []
    for line in lines(os.path.join(root, name)):
        if line.startswith(REPOSITORY):
            repositories.append(line.removeprefix(REPOSITORY).strip())
        else:
            packages += line.split()
    return Aptfile(packages, repositories)


def lines(path: str) -> list[str]:
    """Lines that say something, without comments."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(LONGEST)
    except FileNotFoundError:
        return []
    except (IsADirectoryError, UnicodeDecodeError) as error:
        name = os.path.basename(path)
        raise Failure(f"{name} is not a text file", "name a Debian package a line") from error
    stripped = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    return [line for line in stripped if line]


def seen(root: str) -> list[str]:
    """Those of the two files that are there."""
    return [name for name in (FOR_APP, FOR_BUILD) if os.path.isfile(os.path.join(root, name))]
