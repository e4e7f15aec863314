"""Whom an image's program runs as: its USER looked up in the image's own passwd and group.

Source: OCI image spec, config.md, User.
"""

from collections.abc import Sequence

from paas.errors import PaasError
from paas.image.layers import Layers
from paas.image.lookup import read
from paas.model.image import User
from paas.model.release import Layer

IDS = range(65536)


def find(layers: Layers, stack: Sequence[Layer], name: str) -> User:
    """The user `name` of OCI's form user[:group], names or numbers; "" is root."""
    passwd = lines(read(layers, stack, "etc/passwd") or "")
    groups = lines(read(layers, stack, "etc/group") or "")
    wanted, _, group = name.partition(":")
    entry = account(passwd, wanted or "0")
    uid = number(entry[2] if entry else wanted or "0", wanted)
    gid = number(entry[3], wanted) if entry else 0
    if group:
        gid = group_id(groups, group)
    more = memberships(groups, entry[0]) if entry and not group else ()
    home = entry[5] if entry and entry[5].startswith("/") else "/"
    return User(uid, gid, tuple(one for one in more if one != gid), home)


def account(passwd: list[list[str]], wanted: str) -> list[str] | None:
    """The line of a name or a number, of seven fields; a name must be there."""
    for fields in passwd:
        if len(fields) >= 7 and wanted in (fields[0], fields[2]):
            return fields
    if not wanted.isdecimal():
        raise PaasError(
            f"the image wants to run as {wanted}, and has no such user in /etc/passwd",
            "make the user in the Dockerfile, or use its number",
        )
    return None


def group_id(groups: list[list[str]], wanted: str) -> int:
    for fields in groups:
        if len(fields) >= 3 and fields[0] == wanted:
            return number(fields[2], wanted)
    if not wanted.isdecimal():
        raise PaasError(
            f"the image wants to run as group {wanted}, and has no such group in /etc/group",
            "make the group in the Dockerfile, or use its number",
        )
    return number(wanted, wanted)


def memberships(groups: list[list[str]], user: str) -> tuple[int, ...]:
    """Groups that name the user as a member, at most as many as a process of ours gets."""
    found = [
        number(fields[2], user)
        for fields in groups
        if len(fields) >= 4 and user in fields[3].split(",")
    ]
    return tuple(dict.fromkeys(found))[:32]


def number(text: str, user: str) -> int:
    if text.isdecimal() and text.isascii() and int(text) in IDS:
        return int(text)
    raise PaasError(
        f"the image runs as {user or 'root'}, whose id is {text[:20]}: an app has ids up to 65535",
        "use a lower id in the image",
    )


def lines(text: str) -> list[list[str]]:
    """Fields of each line of passwd(5) or group(5)."""
    return [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]
