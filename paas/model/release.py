"""What a deploy makes: layers, the image they stack up to, and the numbered release."""

from dataclasses import dataclass, field
from datetime import datetime

from paas.model.image import ImageConfig, Origin, Step


@dataclass(frozen=True, slots=True)
class Layer:
    """One directory of files, immutable once made.

    uid_base is the first uid of the range its files are owned in on disk: 0 for
    stacks and shared runtimes, the app's range for what the app's build made.
    """

    id: str
    uid_base: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """Layers, bottom first, and how processes start in them. Immutable.

    processes maps a process type to its command line (a shell command, run in
    /app by buildpacks/launch). Images that no buildpack made have a config; their
    command lines are given to its entrypoint. steps and origin: how it came to be, where that
    is known.
    """

    id: str
    layers: tuple[Layer, ...]
    processes: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    buildpacks: tuple[str, ...] = ()
    commit: str = ""
    manifest: dict[str, object] = field(default_factory=dict)  # app.json, parsed
    config: ImageConfig | None = None
    steps: tuple[Step, ...] = ()
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Version n of an app: an image, the config it runs with, and why it was cut."""

    app_id: int
    version: int
    image: Image
    config: dict[str, str] = field(repr=False)  # secrets
    description: str
    created_at: datetime
    actor: str = ""
    status: str = "pending"  # pending, succeeded, failed
    served_at: datetime | None = None  # when it last became the current one
    crashes: int = 0  # processes that failed soon after it did
    reverts: int | None = None  # the release it replaced because that one crashed

    @property
    def name(self) -> str:
        """`v7`."""
        return f"v{self.version}"
