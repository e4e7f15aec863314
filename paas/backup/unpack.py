"""Members become files again, below one folder and nowhere else.

Touches: that folder. Every name on the way to an entry is opened by itself and never
through a link, so that no archive leads out of it. Owners are moved to this instance's
ranges on the way.
"""

import errno
import os
import stat
import struct
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from paas.backup.descriptors import write_all
from paas.backup.members import Kind, Member, damaged, refused
from paas.backup.sections import ACLS
from paas.backup.tree import FOLDER_FLAGS
from paas.image.owners import CAPABILITY, ROOT_AT, owned_by

NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
UNFIT = (errno.EINVAL, errno.ERANGE, errno.E2BIG, errno.EPERM, errno.EOPNOTSUPP)
ASTRAY = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)
# an access list: a version, then tag, permissions and id of each entry (linux/posix_acl_xattr.h)
ACL_ENTRY = struct.Struct("<HHI")
ACL_HEADER = 4
ACL_NAMED = (0x02, 0x08)  # a user, a group: only their ids mean something

Owner = Callable[[Member, int], int]  # a uid or gid here, for one of the archive


@dataclass(frozen=True, slots=True)
class Open:
    """A folder that is being filled; its mode and time are set once it is full."""

    name: str
    descriptor: int
    member: Member | None


@dataclass(slots=True)
class Unpacker:
    """Fills a folder, top, a descriptor of which is given."""

    top: int
    owner: Owner
    _open: list[Open] = field(default_factory=list)

    def put(self, member: Member, content: Iterable[bytes]) -> None:
        """Make one entry; PaasError when the archive cannot have been made by us."""
        above, _, name = member.path.rpartition("/")
        parent = self._parent(above, member)
        try:
            self._make(parent, name, member, content)
        except FileExistsError:
            raise refused(member.path, "is there twice") from None

    def _make(self, parent: int, name: str, member: Member, content: Iterable[bytes]) -> None:
        match member.kind:
            case Kind.FOLDER:
                self._folder(parent, name, member)
            case Kind.FILE:
                self._file(parent, name, member, content)
            case Kind.TWIN:
                self._twin(parent, name, member)
            case Kind.LINK:
                os.symlink(member.target, name, dir_fd=parent)
            case Kind.PIPE:
                os.mkfifo(name, 0o600, dir_fd=parent)
            case Kind.WHITEOUT:
                os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
        if member.kind in (Kind.LINK, Kind.PIPE, Kind.WHITEOUT):
            uid, gid = self._owners(member)
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        if member.kind not in (Kind.FOLDER, Kind.TWIN):
            self._dress(parent, name, member)

    def close(self) -> None:
        """Finish the folders that are still open."""
        while self._open:
            self._finish(self._open.pop())

    # -- the way to an entry -----------------------------------------------------------

    def _parent(self, path: str, member: Member) -> int:
        """The folder of that path, which an earlier member has made; those left are finished."""
        wanted = path.split("/") if path else []
        same = 0
        for one, part in zip(self._open, wanted, strict=False):
            if one.name != part:
                break
            same += 1
        while len(self._open) > same:
            self._finish(self._open.pop())
        for part in wanted[same:]:
            try:
                descriptor = os.open(part, FOLDER_FLAGS, dir_fd=self._here())
            except OSError as error:
                if error.errno not in ASTRAY:
                    raise
                raise refused(member.path, "lies in no folder of the backup") from None
            self._open.append(Open(part, descriptor, None))
        return self._here()

    def _here(self) -> int:
        return self._open[-1].descriptor if self._open else self.top

    def _finish(self, folder: Open) -> None:
        try:
            if folder.member is not None:
                times = (folder.member.mtime_ns, folder.member.mtime_ns)
                os.fchmod(folder.descriptor, folder.member.mode)
                os.utime(folder.descriptor, ns=times)
        finally:
            os.close(folder.descriptor)

    # -- entries -----------------------------------------------------------------------

    def _folder(self, parent: int, name: str, member: Member) -> None:
        os.mkdir(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, FOLDER_FLAGS, dir_fd=parent)
        self._open.append(Open(name, descriptor, member))
        os.fchown(descriptor, *self._owners(member))
        self._attributes(descriptor, member)

    def _file(self, parent: int, name: str, member: Member, content: Iterable[bytes]) -> None:
        descriptor = new_file(parent, name)
        try:
            fill(descriptor, member, content)
            os.fchown(descriptor, *self._owners(member))
            self._attributes(descriptor, member)
        finally:
            os.close(descriptor)

    def _twin(self, parent: int, name: str, member: Member) -> None:
        """Another name of an earlier file of the same unit."""
        *way, target = member.target.split("/")
        with ExitStack() as opened:
            folder = self.top
            try:
                for part in way:
                    folder = os.open(part, FOLDER_FLAGS, dir_fd=folder)
                    opened.callback(os.close, folder)
                os.link(target, name, src_dir_fd=folder, dst_dir_fd=parent, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (*ASTRAY, errno.EPERM):
                    raise
                raise refused(member.path, "is a name of a file that is not there") from None

    def _dress(self, parent: int, name: str, member: Member) -> None:
        """Mode and time; the mode after the owner, whose change takes setuid away."""
        if member.kind is not Kind.LINK:
            os.chmod(name, member.mode, dir_fd=parent)
        times = (member.mtime_ns, member.mtime_ns)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def _owners(self, member: Member) -> tuple[int, int]:
        return self.owner(member, member.uid), self.owner(member, member.gid)

    def _attributes(self, descriptor: int, member: Member) -> None:
        for name, value in member.attributes.items():
            try:
                os.setxattr(descriptor, name, self._attribute(member, name, value))
            except OSError as error:
                if error.errno not in UNFIT:
                    raise
                why = f"has an attribute {name} that cannot be set: {error.strerror}"
                raise refused(member.path, why) from None

    def _attribute(self, member: Member, name: str, value: bytes) -> bytes:
        """The value of an attribute, the ids in it moved to where they belong here."""
        if name in ACLS:
            return self._shifted(member, value)
        if name == CAPABILITY and len(value) > ROOT_AT:
            (root,) = struct.unpack_from("<I", value, ROOT_AT)
            return owned_by(value, self.owner(member, root))
        return value

    def _shifted(self, member: Member, acl: bytes) -> bytes:
        """An access list for this instance's ids."""
        body = acl[ACL_HEADER:]
        if len(acl) < ACL_HEADER or len(body) % ACL_ENTRY.size:
            raise damaged("an access list makes no sense")
        entries = (
            ACL_ENTRY.pack(tag, bits, self.owner(member, one) if tag in ACL_NAMED else one)
            for tag, bits, one in ACL_ENTRY.iter_unpack(body)
        )
        return acl[:ACL_HEADER] + b"".join(entries)


def new_file(parent: int, name: str) -> int:
    """A new file of that name, in place of an earlier copy of the same."""
    try:
        return os.open(name, NEW_FILE, 0o600, dir_fd=parent)
    except FileExistsError:
        if not stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
        os.unlink(name, dir_fd=parent)
        return os.open(name, NEW_FILE, 0o600, dir_fd=parent)


def fill(descriptor: int, member: Member, content: Iterable[bytes]) -> None:
    """Write a file's content, holes where it had them."""
    if member.segments is None:
        for chunk in content:
            write_all(descriptor, chunk)
        return
    os.ftruncate(descriptor, member.size)
    places = deque(member.segments)
    for chunk in content:
        view = memoryview(chunk)
        while view:
            start, length = places.popleft()
            count = os.pwrite(descriptor, view[:length], start)
            view = view[count:]
            if count < length:
                places.appendleft((start + count, length - count))
