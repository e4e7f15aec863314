"""The Debian packages and programs an instance needs, and which versions are here.

Touches: nothing but --version runs of the programs themselves.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from paas.command import CLEAN_ENVIRONMENT, Runner
from paas.doctor.finding import Finding, fail, ok, warn
from paas.errors import PaasError


@dataclass(frozen=True, slots=True)
class Program:
    """A program (or, with a slash in it, a file), its Debian package, how to ask its version."""

    name: str
    package: str
    version_argv: tuple[str, ...] = ()


PROGRAMS = (
    Program("git", "git", ("git", "--version")),
    Program("runc", "runc", ("runc", "--version")),
    Program("conmon", "conmon", ("conmon", "--version")),
    Program("nginx", "nginx", ("nginx", "-v")),
    Program("/usr/share/nginx/modules-available/mod-http-lua.conf", "libnginx-mod-http-lua"),
    Program("/usr/share/lua/5.1/resty/core.lua", "lua-resty-core"),
    Program("/usr/share/lua/5.1/resty/lrucache.lua", "lua-resty-lrucache"),
    Program("mmdebstrap", "mmdebstrap", ("mmdebstrap", "--version")),
    Program("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    Program("nft", "nftables", ("nft", "--version")),
    Program("dnsmasq", "dnsmasq-base", ("dnsmasq", "--version")),
    Program("tini-static", "tini", ("tini-static", "--version")),
    Program("/usr/share/containers/seccomp.json", "golang-github-containers-common"),
    Program("mkfs.ext4", "e2fsprogs", ("mkfs.ext4", "-V")),
    Program("ip", "iproute2", ("ip", "-V")),
    Program("/usr/share/zoneinfo/UTC", "tzdata"),
    Program("ssh-keygen", "openssh-client", ("ssh", "-V")),
)
# packages that bring no program of their own: pip for the environment, certificates for builds
EXTRA_PACKAGES = ("python3-pip-whl", "ca-certificates")

SAFE_RUNC = (1, 3, 6)


def packages() -> tuple[str, ...]:
    """Every Debian package an instance needs; the names are the same on Debian 12 and 13."""
    return (*(program.package for program in PROGRAMS), *EXTRA_PACKAGES)


def examine(runner: Runner) -> list[Finding]:
    """A finding for each program and data file."""
    return [examine_one(program, runner) for program in PROGRAMS]


def examine_one(program: Program, runner: Runner) -> Finding:
    """Present, with its version; runc's is weighed."""
    if not present(program):
        return fail(label(program), "missing", f"apt-get install {program.package}")
    found = asked_version(program, runner) if program.version_argv else "present"
    return weigh_runc(found) if program.name == "runc" else ok(label(program), found)


def present(program: Program) -> bool:
    """Whether the program is on the daemon's PATH, or the file exists."""
    if program.name.startswith("/"):
        return Path(program.name).exists()
    return shutil.which(program.name, path=CLEAN_ENVIRONMENT["PATH"]) is not None


def label(program: Program) -> str:
    """What the finding is called: the program, or the package of a data file."""
    return program.package if program.name.startswith("/") else program.name


def asked_version(program: Program, runner: Runner) -> str:
    """The version number in what the program prints of itself."""
    try:
        done = runner.run(program.version_argv, timeout_s=10, check=False)
    except PaasError as error:
        return str(error)
    text = (done.stdout + done.stderr).decode(errors="replace")
    found = re.search(r"\d+(?:\.\d+)+", text)
    return found[0] if found else "present, of an unknown version"


def weigh_runc(version: str) -> Finding:
    """Older runc follows a hostile image's /dev, /proc and /sys links; we refuse those links."""
    if tuple(map(int, re.findall(r"\d+", version)[:3])) >= SAFE_RUNC:
        return ok("runc", version)
    wanted = ".".join(map(str, SAFE_RUNC))
    return warn(
        "runc",
        f"{version} has known escapes through links in an image's /dev, /proc and /sys",
        f"images with such links are refused, so nothing must be done; {wanted} has the fixes",
    )
