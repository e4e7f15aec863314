"""A volume with everything that a volume may have, and how to compare two of them."""

import os
import stat
import struct
from pathlib import Path

OTHERS = 0xFFFFFFFF


def make(root: Path, uid: int) -> None:
    """Fill a folder with strange things, owned by an app's range from uid on."""
    root.mkdir(parents=True)
    plain = root / "plain"
    plain.write_bytes(b"plain")
    os.chown(plain, uid + 1000, uid + 1001)
    plain.chmod(0o4751)
    os.setxattr(plain, "user.note", b"\0\xff\n")
    os.link(plain, root / "twin")
    (root / "empty").touch()
    (root / "absolute").symlink_to("/etc/passwd")
    (root / "dangling").symlink_to("../../nowhere")
    os.mkfifo(root / "pipe", 0o620)
    with (root / "sparse").open("wb") as file:
        file.truncate(300 << 20)
        for place in (5 << 20, 200 << 20, (300 << 20) - 5):
            file.seek(place)
            file.write(b"data!")
    with (root / "hole").open("wb") as file:
        file.truncate(1 << 30)
    deep = root / "sticky" / os.fsdecode(b"\xff\xfe strange\n\\name")
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(os.urandom(3 << 20))
    os.chown(deep, uid, uid)
    (root / "sticky").chmod(0o3770)
    os.setxattr(root / "sticky", "user.folder", b"yes")
    os.setxattr(root / "sticky", "system.posix_acl_access", access_list(uid + 1000))
    os.utime(plain, ns=(1, 1_234_567_890_123_456_789))
    os.utime(deep, ns=(1, -5_000_000_001))


def access_list(uid: int) -> bytes:
    """A list by which one user more may read (acl(5), linux/posix_acl_xattr.h)."""
    entries = [(0x01, 7, OTHERS), (0x02, 4, uid), (0x04, 7, OTHERS), (0x10, 7, OTHERS),
               (0x20, 0, OTHERS)]  # fmt: skip
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def described(root: Path, base: int = 0) -> dict[str, tuple[object, ...]]:
    """Everything of every entry that is to come back; ids counted from a base."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        link = str(path.readlink()) if stat.S_ISLNK(kind) else ""
        regular = stat.S_ISREG(kind)
        content = path.read_bytes() if regular and status.st_size < 1 << 22 else b""
        found[os.fsdecode(path.relative_to(root))] = (
            status.st_mode,
            from_base(status.st_uid, base),
            from_base(status.st_gid, base),
            status.st_size if regular else 0,
            status.st_mtime_ns,
            link,
            content,
            attributes(path, base),
            status.st_nlink if regular else 0,
        )
    return found


def attributes(path: Path, base: int) -> dict[str, object]:
    names = os.listxattr(path, follow_symlinks=False)
    found: dict[str, object] = {}
    for name in names:
        value = os.getxattr(path, name, follow_symlinks=False)
        if name.startswith("system.posix_acl"):
            entries = struct.iter_unpack("<HHI", value[4:])
            found[name] = [(tag, bits, from_base(one, base)) for tag, bits, one in entries]
        else:
            found[name] = value
    return found


def from_base(number: int, base: int) -> int:
    return number - base if base <= number < base + 65536 else number
