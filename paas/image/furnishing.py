"""What a layer of Debian gets when it is installed, and loses: our user and places, caches, setuid.

Touches: the files of the layer that is being made.
"""

import os
import re
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from paas.model.container import APP_UID

UNWANTED = ("doc", "info", "lintian", "locale", "man")  # of /usr/share
MOUNT_POINTS = ("app", "cache", "buildpacks", "config", "result", ".paas")
TARGET_FILES = (".paas/init", ".paas/launch", "etc/hosts", "etc/hostname", "etc/resolv.conf")
LEFTOVERS = (
    "tmp",
    "run",
    "dev",
    "var/log",
    "var/cache/apt",
    "var/cache/debconf",
)
PRIVILEGED = stat.S_ISUID | stat.S_ISGID
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def finish(upper: Path) -> None:
    """Drop caches, logs and documentation: what installing left and running never reads."""
    for name in LEFTOVERS:
        if (upper / name).is_dir() and not (upper / name).is_symlink():
            empty(upper / name)
    for name in UNWANTED:
        if (upper / "usr/share" / name).is_dir():
            empty(upper / "usr/share" / name)
    for path in (upper / "var/lib/dpkg").glob("*-old"):
        path.unlink()
    for directory, _, names in os.walk(upper / "usr"):
        drop_privileges(Path(directory), names)


def drop_privileges(directory: Path, names: Sequence[str]) -> None:
    """Take the setuid and setgid bits off files; nothing inside may use them anyway."""
    for name in names:
        mode = (directory / name).lstat().st_mode
        if stat.S_ISREG(mode) and mode & PRIVILEGED:
            (directory / name).chmod(stat.S_IMODE(mode) & ~PRIVILEGED)


def empty(directory: Path) -> None:
    """Delete what is in a directory, not the directory."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def furnish(root: Path, sources: Sequence[str]) -> None:
    """The user `app`, its home, and the places where the engine mounts things.

    What apt was told about this host's way to the mirror (proxies, passwords) is dropped.
    """
    (root / "etc/apt/apt.conf.d/99mmdebstrap").write_text('APT::Install-Recommends "false";\n')
    public = CREDENTIALS.sub("", "\n".join(sources))
    (root / "etc/apt/sources.list").write_text(public + "\n")
    append(root / "etc/passwd", f"app:x:{APP_UID}:{APP_UID}::/app:/bin/bash\n")
    append(root / "etc/group", f"app:x:{APP_UID}:\n")
    append(root / "etc/shadow", "app:!:19000::::::\n")
    for name in MOUNT_POINTS:
        (root / name).mkdir(mode=0o755)
    os.chown(root / "app", APP_UID, APP_UID)
    for name in TARGET_FILES:
        (root / name).write_text("")
        (root / name).chmod(0o644)
    (root / "tmp").chmod(0o1777)


def append(path: Path, line: str) -> None:
    """Add a line to a file."""
    with path.open("a") as file:
        file.write(line)
