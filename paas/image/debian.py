"""Debian installed into a layer: mmdebstrap for the run layer, apt on top for the build layer.

Touches: mounts under the layer being made, removed at the end, and children in mount
and pid namespaces of their own. dpkg syncs after every file; an overlay mounted
`volatile` makes that free, and the layer is synced once when it is adopted.
"""

import os
import re
import shutil
import stat
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from paas import settings
from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.image import mirrors, mounts, package_lists
from paas.image.furnishing import UNWANTED, empty, finish, furnish

# fmt: off
RUN = (
    "bash", "ca-certificates", "curl", "libffi8", "libgomp1", "libjpeg62-turbo", "libpq5",
    "libxml2", "libxslt1.1", "libyaml-0-2", "media-types", "netbase", "nginx", "openssl", "procps",
    "python3", "tzdata",
)
BUILD = (
    "build-essential", "bzip2", "file", "git", "jq", "libbz2-dev", "libffi-dev", "libjpeg-dev",
    "liblzma-dev", "libpq-dev", "libreadline-dev", "libsqlite3-dev", "libssl-dev", "libxml2-dev",
    "libxslt1-dev", "libyaml-dev", "patch", "pkg-config", "python3-dev", "python3-yaml", "rsync",
    "unzip", "xz-utils", "zip", "zlib1g-dev",
)
# what makes images and carries them to registries, for our own use
TOOLS = ("buildah", "skopeo", "zstd")
FETCH = ("git", "openssh-client")  # what speaks to git servers over ssh
TOOLS_UNUSED = ("usr/lib/cni", "usr/libexec/buildah")  # other networks, tests: 150 MB
# fmt: on

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LISTS = "var/lib/apt/lists"
STATUS = "var/lib/dpkg/status"
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
PROXY = re.compile(r'^(Acquire::https?::(?:[\w.-]+::)?(?:Proxy|CAInfo)) "(.+)";$', re.MULTILINE)
UPDATE = ("update", "--error-on=any")  # else a mirror that is away would have nothing new
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}

Progress = Callable[[str], None]


def install_run(
    suite: str,
    upper: Path,
    lists: Path,
    runner: Runner,
    progress: Progress,
) -> None:
    """Fill an upper with the run variant; apt's package lists are left in `lists`."""
    aside = TemporaryDirectory(dir=upper.parent.parent)
    with aside as base, volatile_overlay((Path(base),), upper) as root:
        configuration = lists.with_name("slim")
        configuration.write_text("".join(f"path-exclude=/usr/share/{d}/*\n" for d in UNWANTED))
        sources = signed_sources(suite)
        command = bootstrap(suite, root, RUN, sources, configuration, proxies(runner))
        follow(runner, command, lambda line: stage(line, progress))
    shutil.rmtree(lists, ignore_errors=True)
    (upper / LISTS).rename(lists)
    furnish(upper, sources)
    finish(upper)


def trial(
    suite: str, aside: Path, packages: Sequence[str], runner: Runner, progress: Progress
) -> None:
    """Have apt look whether all of these can be installed from nothing, without a download.

    Some seconds, in place of minutes until a name is found to be none. CommandFailed has why not.
    """
    progress(f"Asking Debian for the packages of {suite}")
    sources = signed_sources(suite)
    command = bootstrap(suite, aside / "trial", packages, sources, None, proxies(runner))
    try:
        follow(runner, command, ignored)
    finally:
        shutil.rmtree(aside / "trial", ignore_errors=True)


def install_build(
    suite: str,
    run: Path,
    upper: Path,
    lists: Path,
    runner: Runner,
    progress: Progress,
) -> None:
    """Add the build variant's packages to an upper over the run layer.

    Apt's lists stay in it, and copies of both variants' status: buildpacks/lifecycle/debian.py
    asks them what an app's own packages need, whatever lies above.
    """
    progress(f"Installing {len(BUILD)} packages that builds need")
    with installed(suite, BUILD, run, upper, lists, runner, progress) as root:
        note_status(run / STATUS, root)


def install_tools(
    suite: str,
    packages: Sequence[str],
    run: Path,
    upper: Path,
    runner: Runner,
    progress: Progress,
) -> None:
    """Add tools of ours, for images or for git servers, to an upper over the run layer."""
    with installed(
        suite, packages, run, upper, upper.with_name("no-lists"), runner, progress
    ) as root:
        for name in (LISTS, *TOOLS_UNUSED):
            if (root / name).is_dir():
                empty(root / name)


@contextmanager
def installed(
    suite: str,
    packages: Sequence[str],
    run: Path,
    upper: Path,
    lists: Path,
    runner: Runner,
    progress: Progress,
) -> Iterator[Path]:
    """The root of an upper over the run layer with packages in it; lists: apt's, if there are any.

    What installing left and running never reads is dropped at the end.
    """
    with volatile_overlay((run,), upper) as root, inhabited(root):
        inside = apt_inside(root, suite, runner)
        if lists.is_dir():
            shutil.copytree(lists, root / LISTS, dirs_exist_ok=True)
        else:
            follow(runner, (*inside, *UPDATE), ignored)
        follow(runner, (*inside, "install", *packages), lambda line: stage(line, progress))
        yield root
    finish(upper)


def note_status(run: Path, root: Path) -> None:
    """Keep both variants' status in the build variant's root. run: the run variant's file."""
    shutil.copyfile(run, root / f"{STATUS}-run")
    shutil.copyfile(root / STATUS, root / f"{STATUS}-build")


def signed_sources(suite: str) -> tuple[str, ...]:
    """Lines of a sources.list with a suite from this host's mirrors, signed by Debian."""
    if not KEYRING.exists():
        raise PaasError(f"{KEYRING} is missing", "apt-get install debian-archive-keyring")
    return mirrors.of_host().sources(suite, KEYRING)


def apt_inside(root: Path, suite: str, runner: Runner) -> tuple[str, ...]:
    """The start of an apt-get command that works on an inhabited root, from this host's mirrors."""
    (root / "run/sources.list").write_text("\n".join(signed_sources(suite)))
    apt = ("apt-get", "--yes", *apt_options(proxies(runner)))
    return (*APART, f"--root={root}", "--mount-proc", *apt)


@contextmanager
def brought_up(
    suite: str,
    lower: Sequence[Path],
    upper: Path,
    packages: Sequence[str],
    lists: Path,
    runner: Runner,
    progress: Progress,
    *,
    ask: bool,
    later: Sequence[str] = (),
) -> Iterator[Path]:
    """The root of an upper over others, bottom first, all in it as new as apt's lists say.

    packages: further ones to install. ask: the mirror for what is newer than the lists.
    later: packages that layers above will have, so that those that are none are told now.
    """
    with volatile_overlay(lower, upper) as root, inhabited(root):
        inside = apt_inside(root, suite, runner)
        package_lists.renew(lists, root / LISTS)
        if ask:
            follow(runner, (*inside, *UPDATE), ignored)
            follow(runner, (*inside, "--simulate", "install", *packages, *later), ignored)
        follow(runner, (*inside, "dist-upgrade"), lambda line: stage(line, progress))
        if packages:
            follow(runner, (*inside, "install", *packages), lambda line: stage(line, progress))
        yield root
    finish(upper)


def pending(suite: str, lower: Sequence[Path], upper: Path, runner: Runner) -> list[str]:
    """What apt would bring up to date in a root, as it says it; the upper is of no use after."""
    with volatile_overlay(lower, upper) as root, inhabited(root):
        inside = apt_inside(root, suite, runner)
        follow(runner, (*inside, *UPDATE), ignored)
        said: list[str] = []
        follow(runner, (*inside, "--simulate", "dist-upgrade"), said.append)
    return [line for line in said if line.startswith("Inst ")]


def bootstrap(
    suite: str,
    root: Path,
    packages: Sequence[str],
    sources: Sequence[str],
    configuration: Path | None,
    proxy: dict[str, str],
) -> tuple[str, ...]:
    """The mmdebstrap command; without a configuration it only tells what it would install.

    Its own filter of paths is slow, so dpkg's is set afterwards.
    """
    options = {"APT::Install-Recommends": "false", "Acquire::Languages": "none", **proxy}
    return (
        *(*APART, "--mount-proc", "mmdebstrap", "--mode=root", "--format=directory"),
        *("--variant=apt", f"--keyring={KEYRING}", "--skip=cleanup/apt/lists"),
        *(f'--aptopt={name} "{value}"' for name, value in options.items()),
        "--dpkgopt=force-unsafe-io",
        f"--extract-hook=upload {configuration} /etc/dpkg/dpkg.cfg.d/slim"
        if configuration
        else "--simulate",
        f"--include={','.join(packages)}",
        *(suite, str(root), *sources),
    )


def apt_options(proxy: dict[str, str]) -> tuple[str, ...]:
    """Options for apt inside: nothing recommended, no caches, the host's way out."""
    options = {
        "APT::Install-Recommends": "false",
        "APT::Keep-Downloaded-Packages": "false",
        "Acquire::Languages": "none",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Acquire::https::CAInfo": f"/run/{CERTIFICATES.name}",
        "Dir::Etc::sourcelist": "/run/sources.list",
        **{name: value for name, value in proxy.items() if not name.endswith("CAInfo")},
    }
    return tuple(f"-o{name}={value}" for name, value in options.items())


CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def proxies(runner: Runner) -> dict[str, str]:
    """How the host's apt reaches the world: its proxies and their certificates."""
    dump = runner.run(("apt-config", "dump"), check=False).text
    return dict(PROXY.findall(dump))


@contextmanager
def volatile_overlay(lower: Sequence[Path], upper: Path) -> Iterator[Path]:
    """A writable view of others, bottom first, that never waits for the disk.

    Changes land in upper.
    """
    root, work = upper.parent / "root", upper.parent / "work"
    root.mkdir()
    below = ":".join(str(path) for path in reversed(lower))
    options = [("lowerdir", below), ("upperdir", upper), ("workdir", work)]
    data = ",".join(f"{name}={path}" for name, path in options)
    mounts.mount_classic("overlay", root, 0, f"{data},volatile,redirect_dir=off,metacopy=off")
    try:
        yield root
    finally:
        mounts.unmount(root)
        root.rmdir()


@contextmanager
def inhabited(root: Path) -> Iterator[None]:
    """A root with devices, a resolver and certificates, all gone afterwards."""
    with ExitStack() as stack:
        for name in ("dev", "run", "tmp"):
            mounts.mount_filesystem("tmpfs", root / name, [("source", "tmpfs"), ("mode", "1777")])
            stack.callback(mounts.unmount, root / name)
        for name, (major, minor) in DEVICES.items():
            os.mknod(root / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            (root / "dev" / name).chmod(0o666)
        if CERTIFICATES.exists():
            shutil.copyfile(CERTIFICATES, root / "run" / CERTIFICATES.name)
        mounts.bind(Path("/etc/resolv.conf").resolve(), root / "etc/resolv.conf", read_only=True)
        stack.callback(mounts.unmount, root / "etc/resolv.conf")
        policy = root / "usr/sbin/policy-rc.d"  # installing a package shall not start it
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        stack.callback(policy.unlink)
        yield


def follow(runner: Runner, command: tuple[str, ...], each_line: Callable[[str], None]) -> None:
    """Run a long command, handing on each line; CommandFailed with its last lines."""
    env = settings.environment_of(("http_proxy", "https_proxy", "no_proxy"))
    process = runner.spawn(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**QUIET, **env}
    )
    tail: deque[str] = deque(maxlen=60)
    try:
        for raw in process.stdout or ():
            line = raw.decode(errors="replace").rstrip()
            tail.append(line)
            each_line(line)
        if process.wait() != 0:
            raise CommandFailed(command, process.returncode, "\n".join(tail))
    finally:
        process.kill()
        process.wait()


def stage(line: str, progress: Progress) -> None:
    """Pass on the lines that mark a stage."""
    if line.startswith("I: ") and line.endswith("..."):
        progress(line.removeprefix("I: ").removesuffix("...").capitalize())
    elif line.startswith("Fetched "):
        progress(line)


def ignored(line: str) -> None:
    """Output that nobody needs."""
