"""The workshop of one build: its directories, and build containers run in it.

What the daemon needs to know comes back as small JSON files in a result
directory, written by untrusted code: read with bounds, and checked.
"""

import json
import logging
import os
import secrets
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from paas.console import Console
from paas.deploy import build_config, environment, stacks, standins
from paas.deploy.output import BuildOutput
from paas.deploy.source import Source, git_dir, tar_of
from paas.deploy.stacks import Base
from paas.disk import Level
from paas.engines.base import Streams
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.image.durable import remove_tree
from paas.model import mirrors
from paas.model.app import App
from paas.model.container import (
    APP_UID,
    ContainerSpec,
    ExitStatus,
    Kind,
    Limits,
    Mount,
    new_container_id,
)
from paas.model.release import Layer
from paas.platform import Platform
from paas.settings import Settings

log = logging.getLogger(__name__)

BUILDPACKS = Path(__file__).resolve().parents[2] / "buildpacks"
LIFECYCLE = ("/usr/bin/python3", "-I", "-S", "/buildpacks/lifecycle")
RESULT_BYTES = 4 << 20
RESULTS = ("plan", "build", "fetch", "error")
TAR_END = bytes(1024)  # two empty blocks end an archive (POSIX.1-2017 pax, "ustar")
STACK = "heroku-24"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every container of one build shares: who builds, from what, and where results go."""

    platform: Platform
    app: App
    source: Source
    config: dict[str, str]
    directory: Path
    output: BuildOutput
    console: Console
    stack: Base
    files: dict[str, Path] = field(default_factory=dict)  # of every container of the build

    @property
    def owner(self) -> int:
        """Whose files are those of the build's user, on the host."""
        return self.platform.settings.uids(self.app.slot) + APP_UID


@contextmanager
def workshop(
    platform: Platform,
    app: App,
    source: Source,
    config: dict[str, str],
    console: Console,
    stack: Base | None = None,
) -> Iterator[Workshop]:
    """Directories of one build, removed at its end, and its log. stack: if not the app's."""
    owner = platform.settings.uids(app.slot) + APP_UID
    with ExitStack() as undo:
        directory = undo.enter_context(workplace(platform.settings, app.name))
        for name, mode in (("", 0o711), ("config", 0o700), ("empty", 0o700), ("cache", 0o700)):
            make_owned(directory / name, owner, mode)
        for key, value in config.items():
            write_owned(directory / "config" / key, value, owner)
        cache = platform.settings.state_dir / "cache" / str(app.id)
        cache.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        make_owned(cache, owner, 0o700)
        output = undo.enter_context(BuildOutput(platform.settings, console))
        files = undo.enter_context(standins.serving(platform, app, directory, console))
        base = stack or stacks.of_app(platform, app)
        yield Workshop(platform, app, source, config, directory, output, console, base, files)


_under_way: set[Path] = set()


@contextmanager
def workplace(settings: Settings, name: str) -> Iterator[Path]:
    """A directory for one piece of work, to be made by the caller; removed at its end."""
    path = settings.run_dir / "builds" / f"{name}.{secrets.token_hex(4)}"
    _under_way.add(path)
    try:
        yield path
    finally:
        leave(path)
        _under_way.discard(path)


def is_under_way(path: Path) -> bool:
    """Whether a workplace is somebody's: others were left by a fault."""
    return path in _under_way


def leave(directory: Path) -> None:
    """Delete what one build had; a build that is over is not failed for it."""
    try:
        remove_tree(directory)
    except OSError:
        log.exception("%s stays", directory)


def make_owned(path: Path, owner: int, mode: int) -> None:
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    os.chown(path, owner, owner)


def write_owned(path: Path, text: str, owner: int) -> None:
    path.write_text(text)
    path.chmod(0o400)
    os.chown(path, owner, owner)


def run(
    shop: Workshop,
    arguments: tuple[str, ...],
    layers: list[Layer],
    upper: Path,
    paths: tuple[str, ...] | None,
    *,
    shared: bool = False,
    system: str = "",
    mounts: tuple[Mount, ...] = (),
    shown: tuple[Layer, ...] = (),
    disk_bytes: int | None = None,
) -> tuple[ExitStatus, dict[str, Any]]:
    """Run the lifecycle with the commit (paths None) or some paths of it on its standard input.

    shared: what it makes will serve other apps too, so it sees neither this app's
    config nor its cache. system: by the container's root, over that variant of the stack.
    mounts: beside those of every build. shown: layers to look at. disk_bytes: what it may
    write, unless as much as a build.
    """
    result = shop.directory / f"result-{secrets.token_hex(4)}"
    uid = 0 if system else APP_UID
    make_owned(result, shop.platform.settings.uids(shop.app.slot) + uid, 0o700)
    below = shop.stack.run if system == "run" else shop.stack.build
    spec = build_spec(shop, arguments, [*below, *layers], upper, result, shared=shared, uid=uid)
    spec = replace(spec, mounts=(*spec.mounts, *mounts), shown=shown)
    if disk_bytes is not None:
        spec = replace(spec, limits=replace(spec.limits, scratch_bytes=disk_bytes))
    shop.console.check_cancelled()
    with archive(shop, paths) as stdin:
        status = supervised(shop, spec, stdin)
    stacks.check_fit(shop.stack, status, spec.argv[0])
    return status, read_results(result)


@contextmanager
def archive(shop: Workshop, paths: tuple[str, ...] | None) -> Iterator[int]:
    """A descriptor to read a tar from: of the commit, of some paths, or of nothing at all."""
    if paths == ():
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.write(writer, TAR_END)
        os.close(writer)
        with os.fdopen(reader, "rb") as empty:
            yield empty.fileno()
        return
    folder = shop.directory / "git"
    more = git_dir(shop.platform, shop.app, shop.source.push, folder) if paths is None else ()
    with tar_of(shop.platform, shop.source, paths or (), more) as stdin:
        yield stdin


class Place(Protocol):
    """What watching over a container takes; a workshop is one."""

    @property
    def platform(self) -> Platform: ...
    @property
    def output(self) -> BuildOutput: ...
    @property
    def console(self) -> Console: ...


def supervised(shop: Place, spec: ContainerSpec, stdin: int | None) -> ExitStatus:
    """Run one build container to its end, its output relayed, under the time limit."""
    timeout_s = shop.platform.settings.build_timeout_s
    with shop.output.pipe() as writer:
        session = shop.platform.engine.spawn(spec, Streams(stdin, writer, writer))
    try:
        failpoint("build.container")
        shop.console.on_cancel(session.kill)
        status = session.wait(timeout_s)
        if status is None:
            session.kill()
            raise PaasError(
                f"the build did not finish within {timeout_s:.0f} s and was stopped",
                "look at the last lines above for what it was waiting for",
            )
        shop.console.check_cancelled()
        return status
    finally:
        session.close()
        shop.output.flush()


def build_spec(
    shop: Workshop,
    arguments: tuple[str, ...],
    layers: list[Layer],
    upper: Path,
    result: Path,
    *,
    shared: bool,
    uid: int,
) -> ContainerSpec:
    settings = shop.platform.settings
    cache = settings.state_dir / "cache" / str(shop.app.id)
    return ContainerSpec(
        id=new_container_id(),
        app=shop.app.name,
        slot=shop.app.slot,
        kind=Kind.BUILD,
        process="build",
        index=1,
        layers=tuple(layers),
        argv=(*LIFECYCLE, *arguments),
        uid=uid,
        environment=build_environment(shop, shared=shared),
        limits=Limits(
            memory_bytes=settings.build_memory_bytes,
            cpu_shares=256,
            pids=settings.build_pids,
            scratch_bytes=shop.platform.disk.allowance(settings.build_disk_bytes),
        ),
        mounts=(
            Mount(BUILDPACKS, "/buildpacks"),
            Mount(shop.directory / ("empty" if shared else "config"), "/config"),
            Mount(shop.directory / "cache" if shared else cache, "/cache", read_only=False),
            Mount(result, "/result", read_only=False),
        ),
        files=shop.files,
        tmpfs_bytes=1 << 30,
        upper=upper,
    )


def build_environment(shop: Workshop, *, shared: bool) -> dict[str, str]:
    """What every buildpack may rely on; config vars are files in /config instead.

    But mirrors are variables too, so that tools of other people's packs use them: the
    app's config has the last word on them, unless what is made is for all apps.
    """
    named = mirrors.variables(build_config.addresses(shop.platform, None if shared else shop.app))
    if not shared:
        named |= {key: text for key, text in shop.config.items() if key in mirrors.VARIABLES}
    bundle = dict.fromkeys(
        (
            "SSL_CERT_FILE",
            "PIP_CERT",
            "NODE_EXTRA_CA_CERTS",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
        ),
        CERTIFICATES,
    )
    return {
        **shop.stack.environment,
        **bundle,
        **named,
        "STACK": STACK,
        "SOURCE_VERSION": shop.source.push.new,
        **environment.revision(shop.platform, shop.app, shop.source.push.new),
        "REQUEST_ID": str(uuid.uuid4()),
        "CURL_CONNECT_TIMEOUT": "30",
        "CURL_TIMEOUT": "180",
        "HOME": "/app",
        "PATH": shop.stack.environment.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "MEMORY_AVAILABLE": str(shop.platform.settings.build_memory_bytes >> 20),
        "UV_NATIVE_TLS": "1",
        "UV_SYSTEM_CERTS": "1",
    }


# -- results -------------------------------------------------------------------------


def read_results(directory: Path, names: Sequence[str] = RESULTS) -> dict[str, Any]:
    """The JSON files the lifecycle left, by name; {} for what is missing or not JSON."""
    return {name: read_result(directory / f"{name}.json") for name in names}


def read_result(path: Path) -> dict[str, Any]:
    """One result file, written by untrusted code: a bounded regular file, never a link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return {}
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            value = json.loads(file.read(RESULT_BYTES))
    except (ValueError, OSError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return value if isinstance(value, dict) else {}


def failure(
    shop: Place, status: ExitStatus, results: dict[str, Any], what: str = "the build"
) -> PaasError:
    """Why the build failed: memory, disk, the pack's own sentence, or its exit status."""
    settings = shop.platform.settings
    if status.out_of_memory:
        return PaasError(
            f"{what} was killed: memory limit {settings.build_memory_bytes >> 20} MiB",
            "build with fewer parallel jobs, or raise build_memory_bytes in the settings",
        )
    if status.out_of_disk and (state := shop.platform.disk.state()).level is not Level.OK:
        return PaasError(f"the build was killed: {state.words}", shop.platform.disk.advice())
    if status.out_of_disk:
        return PaasError(
            f"{what} was killed: disk limit {settings.build_disk_bytes >> 20} MiB",
            "write less, or raise build_disk_bytes in the settings",
        )
    error = results.get("error", {})
    if isinstance(error.get("message"), str):
        return PaasError(error["message"][:2000], str(error.get("hint", ""))[:2000])
    return PaasError(f"{what} {status.reason}", "the lines above say where it stopped")
