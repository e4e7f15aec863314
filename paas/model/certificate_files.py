"""A certificate and its key as somebody brings them: two texts, or an archive with both.

Pure: an archive is read in memory and never unpacked.
"""

import io
import tarfile
from collections.abc import Iterator

from paas.errors import UsageError
from paas.model import certificate
from paas.model.certificate import Certificate

MOST_BYTES = 1 << 20
MOST_MEMBERS = 100
CERTIFICATES = (".crt", ".cer", ".cert")
KEYS = (".key",)
FORM = "tar c server.crt server.key | paas certs:add APP"


def read(data: bytes) -> Certificate:
    """Of a tar archive with a .crt and a .key, or of both one after the other as PEM."""
    if data.lstrip().startswith(b"-----BEGIN "):
        return certificate.read(data, data)
    chain, key = pair(dict(members(data)))
    return certificate.read(chain, key)


def members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Regular files of the archive, by their names."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            for number, member in enumerate(archive):
                if number >= MOST_MEMBERS or member.size > MOST_BYTES:
                    raise UsageError("that archive has more in it than a certificate and a key")
                content = archive.extractfile(member) if member.isreg() else None
                if content is not None:
                    yield member.name, content.read()
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise UsageError(f"that is no tar archive: {str(error).partition(':')[0]}", FORM) from error


def pair(files: dict[str, bytes]) -> tuple[bytes, bytes]:
    """The one certificate and the one key, whatever they are called beside their endings."""
    found = []
    for endings, what in ((CERTIFICATES, "certificate (.crt)"), (KEYS, "key (.key)")):
        fitting = [name for name in files if name.endswith(endings) and not hidden(name)]
        if len(fitting) != 1:
            raise UsageError(
                f"the archive has {len(fitting) or 'no'} {what} in it, and one is wanted", FORM
            )
        found.append(files[fitting[0]])
    return found[0], found[1]


def hidden(name: str) -> bool:
    """Whether it is one of the files that macOS puts beside others."""
    return name.rpartition("/")[2].startswith("._")
