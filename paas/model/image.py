"""What an image says of how its program is run, beside its layers, and how it came to be.

Source: OCI image spec 1.1, config.md; Docker's HEALTHCHECK and VOLUME as they are kept there.
"""

import signal
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class User:
    """Whom the program runs as, looked up in the image's own /etc/passwd and /etc/group."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"


@dataclass(frozen=True, slots=True)
class Health:
    """HEALTHCHECK: a command that must end with 0; times in seconds."""

    command: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    start_period_s: float = 0.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How an image that buildpacks did not make wants to be run.

    source is where it came from, in words: a reference with its digest, an archive,
    a container. ports are TCP ports it EXPOSEs, in ascending order. blobs: ids of layers
    by the digests they have at the registry it came from. run_by (SHELL) and on_build
    matter only to what is built upon it.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user_name: str = ""
    user: User = User()
    directory: str = "/"
    ports: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM
    health: Health | None = None
    run_by: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    source: str = ""
    blobs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done to make an image; layer is the id of what it added, "": nothing."""

    words: str
    layer: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Packages:
    """Debian packages that an image has beside its stack's, in one of its layers.

    wanted: names, and addresses of .deb files, as they were asked for; repositories: lines of a
    sources.list beside Debian's own. files: names of the .deb files that it was made of.
    """

    layer: str
    wanted: tuple[str, ...]
    repositories: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """What an image was built by and upon, beside its commit: what its provenance tells.

    packs: buildpacks with their revisions, in order. variables: names of those that the build
    was given, never a value. root: the directory of the repository that was built. snapshot:
    which making of the stack it stands on, "" for the first. bases: images that a Dockerfile
    names, with the digests of their descriptions. packages: the app's own of Debian.
    """

    builder: str = ""
    stack: str = ""
    stack_digest: str = ""
    packs: tuple[tuple[str, str], ...] = ()
    variables: tuple[str, ...] = ()
    root: str = ""
    program: str = ""
    snapshot: str = ""
    bases: tuple[tuple[str, str], ...] = ()
    packages: tuple[Packages, ...] = ()
