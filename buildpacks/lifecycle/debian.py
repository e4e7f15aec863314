"""Debian packages as layers: resolved by the stack's own apt, installed by its dpkg.

Two halves. While packs plan, as the app's user, `layer` asks apt which packages the
wanted ones need beside what the stack has; the exact files and their hashes, from
lists that Debian signed, are the layer's plan and so its key. `install` makes that
layer as root of its own container and of nothing else, over the stack alone, so that
equal ones serve every app. Other packs' layers lie above.
"""

import os
import re
import shutil
from collections.abc import Sequence
from typing import Any

from lifecycle import child, say
from lifecycle.say import Failure

PACK = "debian"
RUN, BUILD = "run", "build"
RECORDS = "/var/lib/dpkg"
# what each variant of the stack has, noted when it was made: layers above have records of their own
STATUS = {RUN: f"{RECORDS}/status-run", BUILD: f"{RECORDS}/status-build"}
LISTS = "/var/lib/apt/lists"
NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9][A-Za-z0-9.+:~-]*)?")
URI = re.compile(r"^'(\S+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$", re.MULTILINE)
UNKNOWN = re.compile(r"Unable to locate package (\S+)|Package '(\S+)' has no installation")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}  # Debian's names of what uname says
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}

ADDRESS = re.compile(r"https?://[!-~]+\.deb(\?[!-~]*)?")
REPOSITORY = re.compile(r"deb +(\[[^\]]*\] +)?(https?://[!-~]+) +([!-~]+(?: +[!-~]+)*)")
PROVIDERS = re.compile(r"^Reverse Provides: \n((?:\S.*\n)+)", re.MULTILINE)
FOLDER_OF_LOOKUPS = "/tmp/debian"

known: list[Any] = []  # plans of layers that exist: what they resolved stays resolved


def layer(
    names: Sequence[str], *, build_only: bool = False, repositories: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The plan of a layer with these packages and all they need; empty when the stack has them.

    names may be addresses of .deb files. build_only: for the build alone, beside the
    compilers of the build's stack; otherwise part of the image, complete over the stack
    that apps run in. repositories: lines of a sources.list, asked beside Debian's archive,
    and trusted as they are. Raises Failure.
    """
    wanted = sorted({checked(name) for name in names})
    variant = BUILD if build_only else RUN
    document = {
        "pack": PACK,
        "name": f"{variant}-packages",
        "files": [],
        "provides": [],
        "shared": True,
        "build_only": build_only,
        "system": variant,
        "wants": wanted,
    }
    if wanted and repositories:
        document["repositories"] = [trusted(line) for line in repositories]
    for plan in known:
        if isinstance(plan, dict) and document.items() <= plan.items():
            return [plan]
    lines = document.get("repositories", [])
    packages = resolved(wanted, variant, lines) if wanted else []
    return [{**document, "packages": packages}] if packages else []


def checked(name: str) -> str:
    if not NAME.fullmatch(name) and not ADDRESS.fullmatch(name):
        raise Failure(f"{name[:80]!r} is not the name of a Debian package", "correct it")
    return name


def shown(names: Sequence[str]) -> str:
    """Names for a line of output."""
    few = ", ".join(names[:4])
    return few if len(names) <= 4 else f"{few} and {len(names) - 4} more"


def trusted(line: str) -> str:
    """A repository's line as apt is given it: whoever names it answers for what it serves."""
    match = REPOSITORY.fullmatch(line)
    if match is None:
        raise Failure(
            f"{line[:200]!r} is no line of a sources.list",
            "such as: deb https://apt.example.com/debian trixie main",
        )
    options, address, rest = match.groups()
    given = (options or "").strip(" []").split()
    kept = [one for one in given if not one.startswith(("trusted=", "signed-by=", "allow-"))]
    return f"deb [{' '.join([*kept, 'trusted=yes'])}] {address} {rest}"


# -- resolving, as the app's user ----------------------------------------------------------


def resolved(names: Sequence[str], variant: str, repositories: Sequence[str]) -> list[str]:
    """`URL SHA256` of each file to install, or Failure with what apt has against it."""
    say.step(f"Looking up {shown(names)} in Debian")
    options = fresh_lists(FOLDER_OF_LOOKUPS, STATUS[variant], repositories)
    single = [fetched_file(name) for name in names if ADDRESS.fullmatch(name)]
    words = [name for name in names if not ADDRESS.fullmatch(name)]
    words += [path for path, _ in single]
    argv = ["apt-get", *options, "install", "-qq", "--yes", "--no-remove", "--print-uris", *words]
    status, output, errors = asked(argv)
    if status:
        raise refused(errors, options)
    found = [f"{match[1]} {match[4]}" for match in URI.finditer(output)]
    return [one for one in found if not one.startswith(("file:", "/"))] + [o for _, o in single]


def fetched_file(address: str) -> tuple[str, str]:
    """Where a .deb file was put to be looked into, and its `URL SHA256`."""
    import hashlib  # noqa: PLC0415 - few apps need it

    os.makedirs(folder := f"{FOLDER_OF_LOOKUPS}/files", exist_ok=True)
    path = f"{folder}/{len(os.listdir(folder))}.deb"
    argv = ["/usr/lib/apt/apt-helper", *apt_options(), "download-file", address, path]
    status, _, errors = asked(argv)
    if status:
        reason = " ".join(errors.split())[:300]
        raise Failure(f"the package {address} cannot be fetched: {reason}", "check its address")
    with open(path, "rb") as file:
        return path, f"{address} {hashlib.file_digest(file, 'sha256').hexdigest()}"


def fresh_lists(folder: str, status: str, repositories: Sequence[str] = ()) -> list[str]:
    """apt's options for a folder of ours with the stack's lists, brought up to date.

    Where the archive cannot be reached the stack's own lists serve: what exists is still
    found by it, and what doesn't is told when it is fetched. Other repositories must answer.
    """
    lists = state_folders(folder)
    for item in os.scandir(LISTS) if os.path.isdir(LISTS) else ():
        if item.is_file() and item.name != "lock":
            shutil.copy2(item.path, lists)
    options = apt_options(
        ("Dir::State::lists", lists),
        ("Dir::State::status", status),
        ("Dir::State::extended_states", f"{folder}/extended"),
        ("Dir::Cache", os.path.join(folder, "cache")),
        ("Acquire::ForceHash", "SHA256"),
    )
    if repositories:
        options += apt_options(("Dir::Etc::sourcelist", sources(folder, repositories)))
        say.detail("packages of other repositories than Debian's are taken as they come")
    failed, _, errors = asked(["apt-get", *options, "update", "-qq", "--error-on=any"])
    if failed and repositories:
        raise Failure(
            f"the repositories of the Aptfile cannot be read: {' '.join(errors.split())[:600]}",
            "check their addresses and suites",
        )
    if failed:
        say.detail("Debian's archive could not be asked for news; using the lists of the stack")
    return options


def sources(folder: str, repositories: Sequence[str]) -> str:
    """A sources.list with the stack's own lines and these; its path."""
    path = os.path.join(folder, "sources.list")
    with open("/etc/apt/sources.list") as own, open(path, "w") as file:
        file.write("\n".join([own.read(), *repositories, ""]))
    return path


def state_folders(folder: str) -> str:
    """The folders apt keeps files in, below one of ours; that for lists."""
    for name in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    return os.path.join(folder, "lists")


def apt_options(*pairs: tuple[str, str]) -> list[str]:
    """Options for apt as whoever we are: no user of its own, no locks to be shared."""
    settled = (
        ("Debug::NoLocking", "1"),
        ("APT::Sandbox::User", ""),
        ("Acquire::Languages", "none"),
    )
    return [word for name, value in (*settled, *pairs) for word in ("-o", f"{name}={value}")]


def asked(argv: list[str]) -> tuple[int, str, str]:
    """Status, output and errors of a program that speaks to us and not to the user."""
    import subprocess  # noqa: PLC0415 - 8 ms that most re-pushes never need

    done = subprocess.run(
        argv,
        env={**os.environ, **QUIET, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
        text=True,
        errors="replace",
    )
    return done.returncode, done.stdout, done.stderr


def refused(errors: str, options: list[str]) -> Failure:
    """Why apt would not: a name that is none, or packages that exclude each other."""
    if match := UNKNOWN.search(errors):
        import difflib  # noqa: PLC0415 - only a wrong name needs it

        name = match[1] or match[2]
        if others := providers(name, options):
            return Failure(
                f"Debian has several packages in place of {name}", f"name one: {', '.join(others)}"
            )
        _, names, _ = asked(["apt-cache", *options, "pkgnames"])
        near = difflib.get_close_matches(name, names.split(), 3, 0.7)
        hint = f"did you mean {' or '.join(near)}?" if near else "search packages.debian.org for it"
        return Failure(f"Debian has no package named {name}", hint)
    lines = [line.removeprefix("E: ").strip() for line in errors.splitlines() if line.strip()]
    reasons = [line for line in lines if not line.startswith("The following information")]
    return Failure(
        f"these Debian packages cannot be installed together: {' '.join(reasons)[:600]}",
        "leave out the one that excludes what the stack or the others need",
    )


def providers(name: str, options: list[str]) -> list[str]:
    """Packages that stand for a name which is none itself."""
    _, shown, _ = asked(["apt-cache", *options, "showpkg", name])
    found = PROVIDERS.search(shown)
    return sorted({line.split()[0] for line in found[1].splitlines()}) if found else []


# -- installing, as root of a container that makes this layer alone ------------------------

FOLDER = "/var/cache/paas-packages"  # on the layer's own disk, and gone again at the end
PROGRAMS = f"{FOLDER}/bin"
SINGLE = f"{RECORDS}/status.d"  # where scanners look for packages that a lower layer brought
POLICY = "/usr/sbin/policy-rc.d"
MANUALS = "/usr/share/man"  # empty in the stack, but alternatives link into its sections
# where installing leaves what nobody reads
TRACES = (
    MANUALS, RECORDS, "/var/log", "/var/cache/apt", "/var/cache/debconf", "/var/cache/ldconfig",
)  # fmt: skip
IDENTITY = "/etc/machine-id"
# all files are root's and all processes the app's: who else there could be is not needed
NEEDLESS = (
    "chown", "chgrp", "adduser", "addgroup", "useradd", "groupadd", "usermod", "shadowconfig",
    "dpkg-statoverride", "systemd-sysusers", "systemd-tmpfiles", "systemctl", "deb-systemd-helper",
)  # fmt: skip
ROUTINE = re.compile(
    r"(\(?Reading|Selecting|Preparing|Preconfiguring|Unpacking|Setting up|Processing|Creating|W:) ?"
)


def install(plan: dict[str, Any]) -> None:
    """Fetch the planned files, check them, and have dpkg install them, scripts included."""
    packages = [str(package).split(" ") for package in plan["packages"]]
    say.step(f"Installing {shown(plan['wants'])} ({len(packages)} Debian packages)")
    present = {folder: entries(folder) for folder in TRACES}
    before = stanzas()
    prepare()
    done = with_dpkg(fetched(packages))
    came = {name: text for name, text in stanzas().items() if before.get(name) != text}
    if done.status:
        judge(done.output, came, len(packages))
    record(came)
    tidy(present)


def entries(folder: str) -> set[str]:
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def prepare() -> None:
    """What packages' scripts find: nothing is started, no users are made, manuals have folders."""
    write_program(POLICY, "exit 101")
    os.makedirs(PROGRAMS)
    for name in NEEDLESS:
        write_program(os.path.join(PROGRAMS, name), "exit 0")
    for section in range(1, 9):
        os.makedirs(os.path.join(MANUALS, f"man{section}"), exist_ok=True)


def write_program(path: str, line: str) -> None:
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\n{line}\n")
    os.chmod(path, 0o755)


def fetched(packages: list[list[str]]) -> list[str]:
    """Paths of the downloaded files; apt's helper refuses one that is not what was planned."""
    targets = []
    argv = ["/usr/lib/apt/apt-helper", *apt_options(), "download-file"]
    for number, (uri, digest) in enumerate(packages):
        targets.append(f"{FOLDER}/{number:03}.deb")
        argv += [uri, targets[-1], f"SHA256:{digest}"]
    status, _, errors = asked(argv)
    if status:
        raise Failure(
            f"Debian's packages could not be fetched: {' '.join(errors.split())[:400]}",
            "push again: newer versions are then looked up",
        )
    return targets


def with_dpkg(files: list[str]) -> child.Completed:
    """Unpack and configure. Without the capability to give files away, dpkg is told not to mind."""
    dpkg = ("--force-not-root,unsafe-io,bad-path", "--log=/dev/null")
    options = apt_options(
        ("Dir::State::lists", state_folders(FOLDER)),
        ("Dir::State::extended_states", f"{FOLDER}/extended"),
        ("Dir::Cache", os.path.join(FOLDER, "cache")),
        ("Dir::Log", FOLDER),
        ("DPkg::Use-Pty", "false"),
        ("DPkg::Path", f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"),
        *(("DPkg::Options::", option) for option in dpkg),
    )
    environment = {**os.environ, **QUIET, "HOME": "/root", "LC_ALL": "C.UTF-8"}
    argv = ["apt-get", *options, "install", "-qq", "--yes", "--no-remove", *files]
    return child.run(argv, environment, "/", quiet=True)


def judge(output: str, came: dict[str, str], expected: int) -> None:
    """Whether all was at least unpacked, so that only a set-up script failed; else Failure."""
    lines = [line for line in output.splitlines() if not ROUTINE.match(line)]
    if len(came) < expected or any(" half-installed\n" in text for text in came.values()):
        errors = [line for line in lines if line.startswith(("E:", "dpkg: error"))]
        raise Failure(f"Debian's packages could not be installed: {' '.join(errors)[:600]}")
    for line in lines[:20]:
        say.detail(line)
    halves = [name for name, text in came.items() if "\nStatus: install ok installed\n" not in text]
    say.warning(
        f"the set-up script of {', '.join(halves)} failed; its files are there all the same"
    )


def stanzas() -> dict[str, str]:
    """dpkg's record of each package that has files, by name and architecture."""
    with open(f"{RECORDS}/status", errors="surrogateescape") as file:
        parts = file.read().split("\n\n")
    found = {}
    for part in parts:
        fields = dict(line.split(": ", 1) for line in part.splitlines() if ": " in line)
        if "Package" in fields and "not-installed" not in fields.get("Status", ""):
            found[f"{fields['Package']}:{fields.get('Architecture', '')}"] = f"{part}\n"
    return found


def record(came: dict[str, str]) -> None:
    """One file a package, as Debian's distroless images have them."""
    os.makedirs(SINGLE, exist_ok=True)
    for name, text in came.items():
        with open(f"{SINGLE}/{name.replace(':', '_')}", "w", errors="surrogateescape") as file:
            file.write(text)


def tidy(present: dict[str, set[str]]) -> None:
    """Drop what only installing needed, and the identity of a machine that there is not."""
    shutil.rmtree(FOLDER)
    os.unlink(POLICY)
    if os.path.exists(IDENTITY):
        os.unlink(IDENTITY)
    for folder, names in present.items():
        for name in entries(folder) - names - {os.path.basename(SINGLE)}:
            path = os.path.join(folder, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
