"""Installs Debian packages without letting any of them start a server, and takes them back.

Touches: apt, dpkg, and for the time of an installation /usr/sbin/policy-rc.d.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paas.command import Runner
from paas.errors import CommandFailed, PaasError
from paas.setup.children import follow, network_environment

POLICY = Path("/usr/sbin/policy-rc.d")
# deb-policy: 101 forbids the action; our nginx is the daemon's child, not the system's
POLICY_TEXT = """\
#!/bin/sh
# written by paas quickstart for the time of an installation
[ "$1" != nginx ] || exit 101
"""
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_MODE": "l",
    "APT_LISTCHANGES_FRONTEND": "none",
}
INSTALL = (
    "apt-get", "install", "--yes", "--no-install-recommends",
    "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Options::=--force-unsafe-io",
    "-o", "DPkg::Lock::Timeout=120",
)  # fmt: skip


def installed(runner: Runner) -> set[str]:
    """Names of all installed packages."""
    query = ("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\n")
    lines = runner.run(query).text.splitlines()
    return {line.split()[1] for line in lines if line.startswith("ii")}


def install(runner: Runner, wanted: Sequence[str], say: Callable[[str], None]) -> set[str]:
    """Install what is missing; returns every package that is new, dependencies included.

    Raises PaasError with apt's last words.
    """
    before = installed(runner)
    missing = [package for package in wanted if package not in before]
    if not missing:
        return set()
    say(f"{len(missing)} of {len(wanted)} are missing: {', '.join(missing)}")
    env = {**QUIET, **network_environment()}
    with no_servers_started():
        try:
            follow(runner, ("apt-get", "update", "--quiet"), quietly, env=env)
            follow(runner, (*INSTALL, *missing), progress(say), env=env)
        except CommandFailed as error:
            raise PaasError(
                f"the packages could not be installed: {error.message}",
                f"see what stops it with: apt-get install {' '.join(missing)}",
            ) from error
    new = installed(runner) - before
    keep_nginx_down(runner, new)
    return new


def quietly(_: str) -> None:
    """Says nothing."""


def progress(say: Callable[[str], None]) -> Callable[[str], None]:
    """Passes on the lines that tell how far apt is."""

    def pass_on(line: str) -> None:
        if line.startswith(("Setting up ", "Need to get ", "E: ")):
            say(line)

    return pass_on


@contextmanager
def no_servers_started() -> Iterator[None]:
    """Packages may not start nginx meanwhile; a policy that is there already stays in charge."""
    if POLICY.exists() and POLICY.read_text() != POLICY_TEXT:
        yield
        return
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def keep_nginx_down(runner: Runner, new: Collection[str]) -> None:
    """The system's nginx that came with us shall not take port 80 at the next boot."""
    if "nginx" in new and Path("/run/systemd/system").is_dir():
        runner.run(("systemctl", "disable", "--now", "nginx"), check=False)


def remove(runner: Runner, ours: Sequence[str], say: Callable[[str], None]) -> None:
    """Purge packages that we brought, but those that something else needs by now.

    Apt decides: they are marked as wanted by nobody, and what it would remove then goes.
    """
    candidates = set(ours) & installed(runner)
    if not candidates:
        return
    runner.run(("apt-mark", "auto", *sorted(candidates)), env=QUIET)
    gone = sorted(candidates & affected(runner, ("autoremove",)))
    if others := sorted(affected(runner, ("purge", *gone)) - set(gone)):
        say(f"{', '.join(others)} would go as well, so the packages stay; to remove them all:")
        say(f"apt-get purge {' '.join(gone)}")
        return
    follow(runner, ("apt-get", "purge", "--yes", *gone), quietly, env=QUIET)
    say(f"{len(gone)} packages removed")
    if stay := sorted(candidates - set(gone)):
        say(f"needed by others, so they stay: {', '.join(stay)}")


def affected(runner: Runner, words: Sequence[str]) -> set[str]:
    """What an apt-get command would remove."""
    text = runner.run(("apt-get", "--simulate", *words), env=QUIET, check=False).text
    lines = (line.split() for line in text.splitlines())
    return {words[1] for words in lines if words and words[0] in ("Remv", "Purg")}
