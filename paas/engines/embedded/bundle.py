"""Preparing a container on the host, and taking it all away again.

Touches: <run_dir>/containers/<id>/, <state_dir>/points/; the rest (network, layers,
scratch space, mounts) through the rooms that own it. Everything is named after the
container id, so that take_down finds it without being told.
"""

import errno
import hashlib
import json
import os
import resource
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from paas.command import Runner, missing
from paas.engines.embedded import seccomp
from paas.engines.embedded import spec as oci
from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.files import write_private
from paas.engines.embedded.runtime import Directories, end_monitor
from paas.errors import PaasError
from paas.image import rootfs
from paas.image.layers import Layers
from paas.image.scratch import Scratch
from paas.model.container import ContainerSpec, Mount
from paas.model.extras import Extras
from paas.model.release import Layer
from paas.network.networks import Attachment, Networks
from paas.settings import Settings

TINI = Path("/usr/bin/tini-static")
LAUNCH = Path(__file__).resolve().parents[3] / "buildpacks" / "launch"
HOST_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
KERNEL_DIRECTORIES = ("dev", "proc", "sys", "tmp")
AT_ONCE = 8
REMOVE_TIMEOUT_S = 10.0


class Bundles:
    """Makes and removes what containers of one instance stand on. Safe from several threads."""

    def __init__(
        self, settings: Settings, runner: Runner, layers: Layers, networks: Networks
    ) -> None:
        self.settings = settings
        self.layers = layers
        self.networks = networks
        self.directories = Directories(settings.run_dir)
        self.cgroups = Cgroups(settings.cgroup_name)
        self.scratch = Scratch(settings.state_dir / "scratch", runner)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bundle")
        self._connecting: dict[str, Future[None]] = {}

    def machine(self) -> oci.Machine:
        """What this machine lets containers have, now."""
        return oci.Machine(
            seccomp=seccomp.profile(),
            seccomp_tools=seccomp.tools_profile(),
            swap_accounting=self.cgroups.swap_accounting,
            oom_score=int(Path("/proc/self/oom_score_adj").read_text()),
            unified_cgroups=self.cgroups.hierarchies.only_unified,
            ulimits=ulimits(),
        )

    def held(self, spec: ContainerSpec) -> ContainerSpec:
        """The spec with the layers its files are stored in, which stay until take_down."""
        stored = self.layers.hold(spec.id, (*spec.layers, *spec.shown))
        count = len(spec.layers)
        return replace(spec, layers=uppermost(stored[:count]), shown=stored[count:])

    def prepare(self, spec: ContainerSpec) -> oci.Place:
        """Network, root filesystem and bundle of one container; undone when a step fails.

        Its namespace leads nowhere yet when this returns: connected says when it does.
        """
        with ExitStack() as undo:
            undo.callback(self.take_down, spec.id)
            self._make_home(spec)
            network = self._pool.submit(self._join_network, spec)
            try:
                self._mount(spec)
                sources = self._stage_mounts(spec)
                self._show_layers(spec)
            finally:
                attachment = network.result()
            place = self._place(spec, attachment, sources)
            undo.pop_all()
        return place

    def _join_network(self, spec: ContainerSpec) -> Attachment:
        attachment = self.networks.place(spec)
        # runc takes four times as long as this, and its container begins only when it is told to
        self._connecting[spec.id] = self._pool.submit(self.networks.connect, spec, attachment)
        return attachment

    def connected(self, container_id: str) -> None:
        """Wait until a prepared container's network is there; raises what stood in its way."""
        self._connecting.pop(container_id).result()

    def write_config(
        self, spec: ContainerSpec, place: oci.Place, *, terminal: oci.Size | None
    ) -> None:
        """The bundle's config.json; it holds the app's secrets."""
        config = oci.config(spec, place, self.machine(), terminal=terminal)
        path = self.directories.container(spec.id) / "config.json"
        write_private(path, json.dumps(config))

    def process_file(self, spec: ContainerSpec, name: str, process: Mapping[str, object]) -> Path:
        """A process description for runc exec; the caller deletes it."""
        path = self.directories.container(spec.id) / f"{name}.json"
        write_private(path, json.dumps(process))
        return path

    def take_down(self, container_id: str) -> None:
        """Kill the container and free everything it has but its log and its upper. Idempotent.

        Raises PaasError or OSError for what could not be freed; the rest is freed all the same.
        """
        home = self.directories.container(container_id)
        steps: tuple[Callable[[], object], ...] = (
            lambda: self._kill(container_id),
            lambda: self._settle(container_id),
            lambda: end_monitor(home, self.directories.exits / container_id),
            lambda: self._end_guests(container_id),
            lambda: rootfs.unmount(home / "rootfs"),
            lambda: unmount_below(home / "mounts"),
            lambda: unmount_below(home / "layers"),
            lambda: self.networks.detach(container_id),
            lambda: self.scratch.remove(container_id),
            lambda: shutil.rmtree(self.directories.runc / container_id, ignore_errors=True),
            lambda: (self.directories.exits / container_id).unlink(missing_ok=True),
            lambda: self.cgroups.remove(container_id),
            lambda: remove_home(home),
        )
        with ExitStack() as every:
            for step in reversed(steps):
                every.callback(step)  # each is done, also when one before it failed
        self.layers.let_go(container_id)

    def _end_guests(self, container_id: str) -> None:
        """See out those who held terminals in it: their processes are dead by now."""
        places = self.directories.guests(container_id)
        for home in [*places.iterdir()] if places.is_dir() else ():
            end_monitor(home, home / "exit")

    def _settle(self, container_id: str) -> None:
        """Wait for a connect that nobody waits for any more, so that detach comes after it."""
        if (connecting := self._connecting.pop(container_id, None)) is not None:
            wait((connecting,))

    def _kill(self, container_id: str) -> None:
        if not self.cgroups.kill(container_id):
            raise PaasError(f"container {container_id} could not be killed")

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    def _make_home(self, spec: ContainerSpec) -> None:
        """The container's directory; its root passes through, by its group, and nobody else."""
        home = self.directories.container(spec.id)
        home.mkdir(mode=0o710)
        os.chown(home, 0, self.settings.uids(spec.slot))

    # -- root filesystem -------------------------------------------------------------

    def _mount(self, spec: ContainerSpec) -> None:
        """The layers over empty mount points, under the writable layer."""
        target = self.directories.container(spec.id) / "rootfs"
        target.mkdir(mode=0o755)
        uid_base = self.settings.uids(spec.slot)
        if spec.upper is not None:
            upper, work = spec.upper, spec.upper.parent / "work"
        else:
            writable = self.scratch.create(spec.id, spec.limits.scratch_bytes, uid_base)
            upper, work = writable.upper, writable.work
        stack = [(self.layers.path(layer), layer.uid_base) for layer in spec.layers]
        rootfs.mount_rootfs([(self._points(spec), 0), *stack], uid_base, upper, work, target)
        refuse_links(target)

    def _points(self, spec: ContainerSpec) -> Path:
        """A bottom layer with what will be mounted upon, so that no writable layer gets it."""
        files = tuple(sorted(self._files(spec)))
        shown = (oci.LAYERS,) if spec.shown else ()
        directories = tuple(sorted((*shown, *(mount.target for mount in spec.mounts))))
        modes = {mount.target: mount.mode for mount in spec.extras.memory_mounts}
        key = hashlib.sha256(repr((files, directories, modes)).encode()).hexdigest()[:16]
        home = self.settings.state_dir / "points" / key
        if not home.is_dir():
            draft = home.with_name(f"{key}.{spec.id}")
            make_points(draft, files, directories, modes)
            try:
                draft.rename(home)
            except OSError:
                shutil.rmtree(draft)
        return home

    def _stage_mounts(self, spec: ContainerSpec) -> dict[str, Path]:
        """Where each mount's source is found; those with ids are mounted shifted beside it."""
        sources = {mount.target: mount.source for mount in spec.mounts}
        stage = self.directories.container(spec.id) / "mounts"
        for number, mount in enumerate(spec.mounts):
            if mount.ids:
                sources[mount.target] = point = stage / str(number)
                point.mkdir(parents=True)
                with mounting(mount):
                    rootfs.bind_shifted(mount, self.settings.uids(spec.slot), point)
        return sources

    def _show_layers(self, spec: ContainerSpec) -> None:
        """Mount the layers that are only looked at, each with its owners shifted."""
        stage = self.directories.container(spec.id) / "layers"
        for number, layer in enumerate(spec.shown):
            point = stage / str(number)
            point.mkdir(parents=True)
            uid_base = self.settings.uids(spec.slot)
            rootfs.show(self.layers.path(layer), layer.uid_base, uid_base, point)

    # -- bundle ----------------------------------------------------------------------

    def _place(
        self, spec: ContainerSpec, attachment: Attachment, sources: dict[str, Path]
    ) -> oci.Place:
        home = self.directories.container(spec.id)
        (home / "resolv.conf").write_text(resolver(spec.extras, str(self.settings.dns_address)))
        (home / "hosts").write_text(hosts(attachment, oci.host_name(spec), spec.extras))
        return oci.Place(
            rootfs=home / "rootfs",
            user_namespace=attachment.user_namespace,
            network_namespace=attachment.network_namespace,
            address=attachment.address,
            uid_base=self.settings.uids(spec.slot),
            cgroup=self.cgroups.path(spec.id),
            files=self._files(spec),
            sources=sources,
            devices=self._devices(spec),
            layers=home / "layers" if spec.shown else None,
        )

    def _files(self, spec: ContainerSpec) -> dict[str, Path]:
        """Single files the container sees read-only: target to host path.

        Raises PaasError for one of the machine's that is not there: runc has no words for it.
        """
        for path in (TINI, HOST_CA_BUNDLE):
            if not path.exists():
                raise missing(path.name)
        home = self.directories.container(spec.id)
        return {
            "/etc/resolv.conf": home / "resolv.conf",
            "/etc/hosts": home / "hosts",
            oci.CA_BUNDLE: HOST_CA_BUNDLE,
            oci.INIT: TINI,
            oci.LAUNCH: LAUNCH,
            **spec.files,
        }

    def _devices(self, spec: ContainerSpec) -> tuple[oci.Device, ...]:
        """The disks its files lie on, when its disk bandwidth is limited."""
        if spec.limits.disk_read_bps is None and spec.limits.disk_write_bps is None:
            return ()
        places = [self.settings.state_dir]
        if spec.upper is None:
            places.append(self.scratch.root / spec.id / "fs")
        places += [mount.source for mount in spec.mounts if mount.ids]
        return tuple(dict.fromkeys(whole_disk(place.stat().st_dev) for place in places))


def uppermost(stack: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers, bottom first, each once: an overlay refuses to have one twice.

    What lies below itself shows nothing that it does not show itself.
    """
    return tuple(reversed(dict.fromkeys(reversed(stack))))


def ulimits() -> dict[str, int]:
    """The daemon's own hard limits by the name that docker-options give them."""
    kinds = {name[7:].lower(): number for name, number in vars(resource).items()
             if name.startswith("RLIMIT_")}  # fmt: skip
    hard = {name: resource.getrlimit(number)[1] for name, number in kinds.items()}
    return {name: most for name, most in hard.items() if most != resource.RLIM_INFINITY}


def hosts(attachment: Attachment, hostname: str, extras: Extras) -> str:
    """The container's /etc/hosts."""
    return (
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        f"{attachment.address}\t{hostname}\n"
        + "".join(f"{address}\t{name}\n" for name, address in extras.hosts)
    )


def resolver(extras: Extras, ours: str) -> str:
    """The container's /etc/resolv.conf."""
    lines = [f"nameserver {address}" for address in extras.dns or (ours,)]
    words = {"search": extras.dns_search, "options": extras.dns_options}
    lines += [f"{key} {' '.join(found)}" for key, found in words.items() if found]
    return "\n".join(lines) + "\n"


def make_points(
    draft: Path, files: tuple[str, ...], directories: tuple[str, ...], modes: Mapping[str, int]
) -> None:
    """Empty files and directories at the given absolute paths below draft.

    runc gives a filesystem in memory the mode of the directory it covers: modes are theirs.
    """
    every = (*directories, *modes)
    for directory in (*KERNEL_DIRECTORIES, *(path.strip("/") for path in every)):
        (draft / directory).mkdir(parents=True, exist_ok=True)
    for file in files:
        path = draft / file.strip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(0o644)
    for directory, _, _ in os.walk(draft):
        Path(directory).chmod(0o755)  # whatever the daemon's umask
    for target, mode in {"/tmp": 0o1777, **modes}.items():  # noqa: S108 - the container's own
        (draft / target.strip("/")).chmod(mode)


def refuse_links(root: Path) -> None:
    """PaasError unless /dev, /proc and /sys are real directories.

    runc before 1.3.6 follows a link there out of the container (CVE-2026-41579).
    """
    for name in ("dev", "proc", "sys"):
        status = os.lstat(root / name)
        if not stat.S_ISDIR(status.st_mode):
            raise PaasError(
                f"the image's /{name} is not a directory", "remove it from what the build makes"
            )


@contextmanager
def mounting(mount: Mount) -> Iterator[None]:
    """What stands in the way of a mount, in a sentence."""
    place = mount.source / mount.beneath
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOENT: "is not there",
            errno.ENOTDIR: "is not a folder",
            errno.ELOOP: "is a link, or lies behind one",
            errno.EXDEV: "leads out of where it begins",
            errno.EINVAL: "lies on a filesystem that cannot show files under an app's ids",
        }
        reason = reasons.get(error.errno or 0)
        if reason is None:
            raise
        raise PaasError(f"{place} cannot be mounted at {mount.target}: it {reason}") from error


def unmount_below(stage: Path) -> None:
    """Unmount everything mounted directly below a directory."""
    if stage.is_dir():
        for point in stage.iterdir():
            rootfs.unmount(point)


def remove_home(home: Path) -> None:
    """Delete a container's directory.

    Where something is still mounted this fails (EBUSY, ENOTEMPTY) before anything in
    it is deleted: it could be a volume. Whoever is on the way in may still make something
    there, until it is gone; that goes too.
    """
    stages = [stage for stage in (home / "mounts", home / "layers") if stage.is_dir()]
    for point in (home / "rootfs", *(point for stage in stages for point in stage.iterdir())):
        with suppress(FileNotFoundError):
            point.rmdir()
    deadline = time.monotonic() + REMOVE_TIMEOUT_S
    while home.exists():
        late = time.monotonic() > deadline
        shutil.rmtree(home, ignore_errors=not late)


def whole_disk(device: int) -> oci.Device:
    """The disk of a block device; bandwidth limits refuse partitions."""
    link = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if (link / "partition").exists():
        major, minor = (link.resolve().parent / "dev").read_text().split(":")
        return oci.Device(int(major), int(minor))
    return oci.Device(os.major(device), os.minor(device))
