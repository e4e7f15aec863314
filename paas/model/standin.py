"""Stand-ins: what builds get in place of a fixed address on the internet.

Pure. Other people's buildpacks download from hosts that they name themselves; a stand-in
serves what lies below such an address from another one, or from a folder of the server.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from paas.errors import UsageError
from paas.model.names import domain_name

# what needs no escaping in nginx's configuration, nor in a regular expression but for the dot
PATH = re.compile(r"/[A-Za-z0-9._~@%/+-]*")


@dataclass(frozen=True, slots=True)
class StandIn:
    """Below host and path (or, without a slash at its end, exactly there) target is served.

    target is an http or https address, or a path of the server; it ends with a slash
    where path does.
    """

    host: str
    path: str
    target: str

    @property
    def source(self) -> str:
        """The address it stands for, as it is shown and kept."""
        return f"https://{self.host}{self.path}"

    @property
    def whole(self) -> bool:
        """Whether it stands for all below its path."""
        return self.path.endswith("/")

    @property
    def local(self) -> bool:
        """Whether it is served from the server's own files."""
        return self.target.startswith("/")

    @property
    def expression(self) -> str:
        """A regular expression of what a request for it begins with."""
        return re.sub(r"([.+])", r"\\\1", self.path)


def parse(source: str, target: str) -> StandIn:
    """A stand-in as somebody asks for it; UsageError with what is wrong."""
    host, path = where(source)
    if target.startswith("/"):
        served = local_path(target)
    else:
        parts = urlsplit(target)
        served = target
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise UsageError(
                f"{target[:200]!r} cannot stand in for anything",
                "give an http or https address, or the absolute path of a folder",
            )
        if "@" in parts.netloc or not PATH.fullmatch(parts.path or "/"):
            raise UsageError(f"{target[:200]!r} has what an address here must not have in it")
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", parts.netloc):
            raise UsageError(f"{parts.netloc[:200]!r} is not a host")
    if path.endswith("/") and not served.endswith("/"):
        served += "/"
    return StandIn(host, path, served)


def where(source: str) -> tuple[str, str]:
    """Host and path of an address, its scheme being of no matter."""
    text = source if "://" in source else f"https://{source}"
    parts = urlsplit(text)
    path = parts.path or "/"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            f"{source[:200]!r} is not an address", "such as https://example.com/files/"
        )
    if parts.netloc.lower() != parts.hostname or parts.hostname.startswith("*"):
        raise UsageError(
            f"{parts.netloc[:200]!r} cannot be stood in for", "give a host alone, without a port"
        )
    if not PATH.fullmatch(path) or ".." in path.split("/"):
        raise UsageError(f"the path {path[:200]!r} cannot be stood in for")
    return domain_name(parts.hostname), path


def local_path(target: str) -> str:
    """The plain form of an absolute path."""
    parts = [part for part in target.split("/") if part not in ("", ".")]
    if ".." in parts or not parts or not target.isprintable():
        raise UsageError(f"{target[:200]!r} is not the path of a folder")
    return "/" + "/".join(parts)
