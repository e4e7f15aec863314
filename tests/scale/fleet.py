"""Many small apps on an instance of their own: all of one commit, each answering with its name."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository, running

APP = Path(__file__).with_name("app.py")
FILES = {"server.py": APP.read_text(), "Procfile": "web: exec python3 -S -E server.py\n"}
PUSHES_AT_ONCE = 6
# ids for hundreds of apps, which no other test's instance has
WIDE = {"uid_base": 3_000_000_000}


@contextmanager
def own_instance(
    variables: Mapping[str, str] | None = None, **settings: object
) -> Iterator[Instance]:
    """A daemon and a proxy for this run; nothing of them is left afterwards."""
    made = own_settings(**settings)
    with running(made, variables) as instance:
        yield instance


class Fleet:
    """The apps of one commit, pushed from one working copy."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.names: list[str] = []
        self._repository = Repository(instance, "fleet", None)
        self._repository.commit({**FILES, "page.txt": "fleet"})

    def push(self, name: str, ref: str = "main") -> subprocess.CompletedProcess[bytes]:
        """Push the commit, or another ref, to one app; it is made by that."""
        return self._repository.git("push", self._url(name), ref, check=False)

    def commit(self, page: str) -> str:
        """A commit that builds on no other, so that a push of it is forced; its id."""
        git = self._repository.git
        self._repository.write({"page.txt": page})
        git("add", "-A")
        tree = git("write-tree").stdout.decode().strip()
        made = git("commit-tree", "-m", page, tree).stdout.decode().strip()
        git("reset", "-q", "--hard")
        return made

    def branch(self, name: str) -> str:
        """The commit that an app's branch is at."""
        listed = self._repository.git("ls-remote", self._url(name), "refs/heads/main")
        return listed.stdout.decode().split()[0]

    def _url(self, name: str) -> str:
        return f"ssh://paas@127.0.0.1:{self.instance.settings.ssh_port}/{name}"

    def grow(self, count: int, at_once: int = PUSHES_AT_ONCE) -> list[str]:
        """Push to new apps until there are so many; what the pushes that failed said."""
        new = [f"app-{number:03}" for number in range(len(self.names), count)]
        with ThreadPoolExecutor(at_once) as pool:
            pushed = list(pool.map(self.push, new))
        self.names += new
        return [one.stderr.decode() for one in pushed if one.returncode]

    @property
    def domains(self) -> dict[str, str]:
        """Apps by their domains."""
        return {f"{name}.{self.instance.settings.domain}": name for name in self.names}


def containers(instance: Instance) -> list[str]:
    """Ids of the containers that the instance has on this machine."""
    place = instance.settings.run_dir / "containers"
    return sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether something came true in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
