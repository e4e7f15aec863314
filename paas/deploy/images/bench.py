"""The bench on which images are taken apart, made and moved: containers of our own tools.

They run as root of a range of ids, of the app's or of the platform's own, with a network,
limits and no way to anything of the host but what is mounted. What they report was made
from a stranger's image: read with bounds, and checked.
"""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paas.console import Console
from paas.deploy import room, workshop
from paas.deploy.output import BuildOutput
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import ContainerSpec, Kind, Limits, Mount, Power, new_container_id
from paas.model.release import Layer
from paas.platform import Platform

TOOL = ("/usr/bin/python3", "-I", "-S")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PLATFORM_SLOT = 0
RESULTS = ("image", "error")


@dataclass(frozen=True, slots=True)
class Bench:
    """Whose image it is (None: the instance's), and where its parts lie."""

    platform: Platform
    app: App | None
    directory: Path
    output: BuildOutput
    console: Console

    @property
    def slot(self) -> int:
        return self.app.slot if self.app else PLATFORM_SLOT

    @property
    def uid_base(self) -> int:
        return self.platform.settings.uids(self.slot)

    def folder(self, name: str) -> Path:
        """A directory that the tools' root owns."""
        path = self.directory / name
        workshop.make_owned(path, self.uid_base, 0o700)
        return path

    def draft(self) -> Path:
        """A directory where layers are, that the tools may fill; removed with the bench."""
        return self.platform.layers.new_upper(self.uid_base)


@dataclass(frozen=True, slots=True)
class Work:
    """What one tool is to do, and with what."""

    verb: str
    options: dict[str, Any]
    mounts: tuple[Mount, ...] = ()
    disk_bytes: int = 4 << 30
    shown: tuple[Layer, ...] = ()
    power: Power = Power.ROOT
    results: Sequence[str] = RESULTS
    words: str = "the work on the image"
    secrets: dict[str, str] = field(default_factory=dict, repr=False)  # files in /config
    program: str = "images"  # of buildpacks
    layers: tuple[Layer, ...] = ()  # what it runs on; none: the tools for images
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)  # seen in place of the platform's own


@contextmanager
def bench(platform: Platform, app: App | None, console: Console) -> Iterator[Bench]:
    """Directories of one piece of work, removed at its end."""
    name = app.name if app else "images"
    if app is None:  # whoever works for an app has asked already
        room.admit(platform, name, "taking an image in", console)
    with ExitStack() as undo:
        directory = undo.enter_context(workshop.workplace(platform.settings, name))
        output = undo.enter_context(BuildOutput(platform.settings, console))
        made = Bench(platform, app, directory, output, console)
        workshop.make_owned(directory, made.uid_base, 0o711)
        yield made


@contextmanager
def drafts(bench: Bench) -> Iterator[Path]:
    """A directory for new layers, on their filesystem; what nobody took out of it goes."""
    draft = bench.draft()
    try:
        yield draft
    finally:
        bench.platform.layers.discard(draft)


def run(bench: Bench, work: Work, stdin: int | None = None) -> dict[str, Any]:
    """Run one tool to its end; its results by name. PaasError with what it says went wrong."""
    results, error = attempt(bench, work, stdin)
    if error is not None:
        raise error
    return results


def attempt(
    bench: Bench, work: Work, stdin: int | None = None
) -> tuple[dict[str, Any], PaasError | None]:
    """Run one tool to its end; its results by name, and what it says went wrong."""
    number = secrets.token_hex(4)
    result, config = bench.folder(f"result-{number}"), bench.folder(f"config-{number}")
    write_private(config / "options.json", json.dumps(work.options), bench.uid_base)
    for name, text in work.secrets.items():
        workshop.make_owned((config / name).parent, bench.uid_base, 0o700)
        write_private(config / name, text, bench.uid_base)
    with drafts(bench) as upper:
        bench.console.check_cancelled()
        status = workshop.supervised(bench, spec(bench, work, upper, result, config), stdin)
    results = workshop.read_results(result, work.results)
    failed = status.code != 0
    return results, workshop.failure(bench, status, results, work.words) if failed else None


def spec(bench: Bench, work: Work, upper: Path, result: Path, config: Path) -> ContainerSpec:
    settings = bench.platform.settings
    return ContainerSpec(
        id=new_container_id(),
        app=bench.app.name if bench.app else "images",
        slot=bench.slot,
        kind=Kind.BUILD,
        process=work.program,
        index=1,
        layers=work.layers or bench.platform.stack.tools_layers(bench.console.detail),
        argv=(*TOOL, f"/buildpacks/{work.program}", work.verb),
        environment={
            "PATH": PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "SSL_CERT_FILE": workshop.CERTIFICATES,
            **work.environment,
        },
        files=work.files,
        uid=0,
        power=work.power,
        cwd="/",
        limits=Limits(
            memory_bytes=settings.build_memory_bytes,
            cpu_shares=256,
            pids=settings.build_pids,
            scratch_bytes=work.disk_bytes,
        ),
        mounts=(
            Mount(workshop.BUILDPACKS, "/buildpacks"),
            Mount(result, "/result", read_only=False),
            Mount(config, "/config"),
            *work.mounts,
        ),
        shown=work.shown,
        tmpfs_bytes=1 << 30,
        upper=upper,
    )


def write_private(path: Path, text: str, owner: int) -> None:
    """A file that only the tools' root may read, made so from its first moment."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o400)
    with os.fdopen(descriptor, "w") as file:
        os.fchown(descriptor, owner, owner)
        file.write(text)
