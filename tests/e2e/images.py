"""A small image for tests: busybox, a page, and what a Dockerfile would have said of it."""

from pathlib import Path
from typing import Any

from tests.deploy.images import archives
from tests.deploy.images.archives import Member, folder, symlink

BUSYBOX = Path("/bin/busybox")  # of busybox-static
APPLETS = (
    "sh",
    "httpd",
    "cat",
    "id",
    "ls",
    "touch",
    "sleep",
    "env",
    "chown",
    "su",
    "timeout",
    "nc",
)
PASSWD = b"root:x:0:0::/root:/bin/sh\nweb:x:1000:1000::/home/web:/bin/sh\n"


def layers(page: str = "from an image") -> list[bytes]:
    """A base of busybox, and a layer with the page."""
    base = archives.layer(
        folder("bin"),
        Member("bin/busybox", BUSYBOX.read_bytes(), mode=0o755),
        *(symlink(f"bin/{name}", "busybox") for name in APPLETS),
        folder("etc"),
        Member("etc/passwd", PASSWD),
        Member("etc/group", b"root:x:0:\nweb:x:1000:\n"),
        folder("root", mode=0o700),
    )
    return [base, archives.layer(folder("www"), Member("www/index.html", page.encode()))]


SERVE = ["/bin/busybox", "httpd", "-f", "-v", "-p", "8080", "-h", "/www"]


def document(parts: list[bytes], **section: Any) -> dict[str, Any]:
    """The image's description; it serves its page on port 8080 as root unless told otherwise."""
    usual = {"Cmd": SERVE, "ExposedPorts": {"8080/tcp": {}}, "Env": ["PATH=/bin"]}
    return archives.config(parts, **{**usual, **section})


def archive(page: str = "from an image", tag: str = "x:latest", **section: Any) -> bytes:
    """What docker save would write of it."""
    parts = layers(page)
    return archives.docker_archive(parts, document(parts, **section), tag)
