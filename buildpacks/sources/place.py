"""Where repositories are: addresses of http, https and ssh, and nothing else."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from lifecycle.say import Failure

from sources.download import PORTS, plain

# as scp has it: git@host:team/app.git
SHORT = re.compile(r"(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.][\w.-]*):[^/:\s]\S*", re.ASCII)
SSH = 22
USUAL = {**PORTS, "ssh": SSH}


class Place(NamedTuple):
    """Where a repository is: its address for git, and the host and port that are spoken to."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def named(self) -> str:
        """The host as logins are kept for it: with its port where that is not the usual one."""
        return self.host if self.port == USUAL[self.scheme] else f"{self.host}:{self.port}"


def parsed(url: str) -> Place:
    """Where an address leads, or Failure for one that is not fetched from."""
    if "://" not in url:
        short = SHORT.fullmatch(url)
        if short is None:
            raise odd(url)
        return Place(url, "ssh", short["host"], SSH)
    parts = urlsplit(url)
    if parts.scheme not in USUAL or not parts.hostname or parts.hostname.startswith("-"):
        raise odd(url)
    if parts.password or (parts.username and parts.scheme != "ssh"):
        raise Failure(
            f"the address {plain(url)} has a login in it, which logs would show",
            f"keep it apart: paas git:auth {parts.hostname} USER PASSWORD",
        )
    return Place(url, parts.scheme, parts.hostname, parts.port or USUAL[parts.scheme])


def odd(url: str) -> Failure:
    return Failure(
        f"{plain(url) or url[:100]} is not fetched from: only http, https and ssh are spoken",
        "give an address such as https://git.example.com/team/app.git or git@host:team/app.git",
    )
