"""Fetch: a commit of somebody else's repository, over http or ssh, with its submodules.

Only git and ssh run here, as a user without privileges; nothing of the repository is
executed or checked out. Sources: git-fetch(1), git-ls-remote(1), gitprotocol-v2(5).
"""

import base64
import re
from typing import Any

from lifecycle import say
from lifecycle.say import Failure

from sources import repository, submodules
from sources.download import PORTS, plain, refuse_inward
from sources.place import Place, parsed

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
ABBREVIATED = re.compile(r"[0-9a-f]{7,39}")
KEY, KNOWN_HOSTS = "/config/deploy_key", "/config/known_hosts"
SSH = (
    f"ssh -F /dev/null -i {KEY} -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20 "
    f"-o UserKnownHostsFile={KNOWN_HOSTS} -o GlobalKnownHostsFile=/dev/null "
    "-o StrictHostKeyChecking=yes -o ServerAliveInterval=15 -o ServerAliveCountMax=4 "
    "-o UpdateHostKeys=no -o ForwardAgent=no -o LogLevel=ERROR"
)
# what git and ssh say, and what it means to whoever asked
WORDS = (
    (r"error: 30[1278]|unable to update url base|maximum \(0\) redirects",
     "it has moved, and a login is not taken along",
     "give its new address"),
    (r"could not read (Username|Password)|Authentication failed|returned error: 40[13]",
     "the server wants a login that it accepts",
     "paas git:auth {host} USER PASSWORD"),
    (r"Permission denied \(|Load key .* (No such file|invalid)|Too many authentication failures",
     "the server does not accept the deploy key",
     "make one with paas git:generate-deploy-key, and add paas git:public-key there"),
    (r"Host key verification failed|No \S+ host key is known",
     "the host's key is not known here, or is not the one that is",
     "paas git:allow-host {host}"),
    (r"not found|not appear to be a git repository|does not exist|returned error: 404",
     "there is no such repository, or not for us",
     "check the address; a private one needs paas git:auth {host} or the deploy key"),
    (r"certificate|SSL", "the server's certificate is not trusted", "check the address"),
    (r"File size limit exceeded|exceeds max|signal 25|index-pack (failed|died)|invalid index-pack",
     "it is larger than is taken in",
     "an administrator can raise push_max_bytes in the settings"),
    (r"too slow|Operation too slow|timed out|Timeout", "nothing came any more", "try again"),
    (r"mismatched algorithms|object format", "its objects are named by another hash than SHA-1",
     "only repositories of SHA-1 are read"),
)  # fmt: skip


def fetch(options: dict[str, Any]) -> dict[str, Any]:
    """Have a commit of a repository as a pack: which one it is, and what it is called there."""
    remote = Remote(options)
    place = parsed(options["url"])
    have: dict[str, str] = options["have"]
    repository.make(have, options["shallow"])
    say.step(f"Asking {plain(place.url)}")
    commit, name = remote.resolve(place, options["ref"])
    if commit and commit == options["known"]:
        return {"commit": commit, "name": name, "changed": False}
    commit = remote.take(place, commit or name)
    say.step(f"Fetched {name} ({commit[:8]})")
    whole = submodules.inlined(remote, place.url, commit)
    repository.pack(whole, have.values())
    return {"commit": commit, "whole": whole, "name": name, "changed": True}


class Remote:
    """How other people's repositories are spoken to: with which logins, keys and bounds."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.bytes = options["bytes"]
        self._home = parsed(options["url"]).named
        self._hosts: list[str] | None = options["submodule_hosts"]
        self._logins = {one["host"]: one for one in options["logins"]}

    def git(self, place: Place, *words: str) -> tuple[int, str, str]:
        """Git's status, output and complaints."""
        status, output, said = repository.ask(words, more=self._variables(place))
        return status, output.decode(errors="replace"), said

    def _variables(self, place: Place) -> dict[str, str]:
        """A login travels in the environment, and with it only the host it is for."""
        variables = {"GIT_SSH_COMMAND": SSH, "GIT_SSH_VARIANT": "ssh"}
        login = self._logins.get(place.named)
        if login and place.scheme in PORTS:
            pair = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
            variables |= {
                "GIT_CONFIG_COUNT": "2",
                "GIT_CONFIG_KEY_0": f"http.{place.scheme}://{place.named}/.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {pair}",
                # git would go on asking where a redirect led, and take the header along
                "GIT_CONFIG_KEY_1": "http.followRedirects",
                "GIT_CONFIG_VALUE_1": "false",
            }
        return variables

    def allow(self, place: Place) -> None:
        """Raise Failure for a host that submodules may not come from."""
        if self._hosts is None or place.named in (self._home, *self._hosts):
            return
        raise Failure(
            f"{place.named} is no host that submodules are fetched from",
            f"paas git:set APP submodule-hosts {','.join((*self._hosts, place.named))}",
        )

    def resolve(self, place: Place, ref: str) -> tuple[str, str]:
        """The commit a branch or tag is at and its name; "" for what only the history can tell."""
        refuse_inward(place.host, place.port)
        if COMMIT.fullmatch(ref):
            return ref, ref
        wanted = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/tags/{ref}^{{}}"]
        words = ("ls-remote", "--quiet", "--symref", "--", place.url)
        status, output, said = self.git(place, *words, *(wanted if ref else ["HEAD"]))
        if status:
            raise self.failure(place, said)
        found = dict(reversed(line.split("\t", 1)) for line in output.splitlines() if "\t" in line)
        name = ref or branch_of(output)
        for one in (f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", "HEAD"):
            if COMMIT.fullmatch(found.get(one, "")):
                return found[one], name
        if ref and ABBREVIATED.fullmatch(ref):
            return "", ref
        missing = f"no branch, tag or commit {ref[:100]}" if ref else "no commit yet"
        raise Failure(f"{plain(place.url)} has {missing}", "see what it has: git ls-remote")

    def take(self, place: Place, wanted: str) -> str:
        """Fetch a commit, alone where the server lets us, else with all branches; its id."""
        if COMMIT.fullmatch(wanted):
            if repository.has(wanted):
                return wanted
            status, _, said = self._fetch(place, wanted)
            if not status and repository.has(wanted):
                return wanted
            if not re.search(r"unadvertised|not our ref|no such ref|allow.*request", said):
                raise self.failure(place, said)
        status, _, said = self._fetch(
            place, "+refs/heads/*:refs/all/*", "+refs/tags/*:refs/all-tags/*"
        )
        if status:
            raise self.failure(place, said)
        words = ("rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}")
        status, output, _ = repository.ask(words)
        if status:
            raise Failure(f"{plain(place.url)} has no commit {wanted[:100]}")
        return output.decode().strip()

    def _fetch(self, place: Place, *wanted: str) -> tuple[int, str, str]:
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        bound(self.bytes)
        return self.git(place, *words, "--", place.url, *wanted)

    def failure(self, place: Place, said: str) -> Failure:
        """Why git failed, in our words where we have some."""
        what = f"{plain(place.url)} cannot be fetched"
        for pattern, words, remedy in WORDS:
            if re.search(pattern, said, re.IGNORECASE):
                return Failure(f"{what}: {words}", remedy.format(host=place.named))
        return Failure(f"{what}: {repository.reason(said)}", "check the address")


def branch_of(output: str) -> str:
    """The branch HEAD stands for, as ls-remote --symref tells."""
    found = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", output, re.MULTILINE)
    return found[1] if found else "HEAD"


def bound(bytes_: int) -> None:
    """No file that we or git write from now on is larger."""
    import resource  # noqa: PLC0415 - only what is fetched needs it

    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))
