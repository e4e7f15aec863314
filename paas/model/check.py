"""How a new container is judged healthy: what is asked of it, how often, how patiently."""

import shlex
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What a switch does about the checks of a process type.

    Disabled ones give up the overlap too: the old container ends before the new one starts.
    """

    ENABLED = "enabled"
    SKIPPED = "skipped"
    DISABLED = "disabled"


class Way(StrEnum):
    """What one check looks at."""

    HTTP = "http"
    LISTENING = "listening"
    COMMAND = "command"
    UPTIME = "uptime"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a container must do; times in seconds.

    path is what an HTTP GET must answer with a status below 400 (and with content in its
    body, when given); without a path any HTTP answer to GET / will do. boot_timeout_s
    bounds the wait for the port. A check that only warns stops nothing; on_failure is a
    command run in the container when it fails, on_failure_url is told of it.
    """

    way: Way = Way.HTTP
    name: str = ""
    path: str | None = None
    port: int = 5000
    scheme: str = "http"
    content: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    uptime_s: float = 1.0
    attempts: int = 3
    timeout_s: float = 5.0
    wait_s: float = 5.0
    initial_delay_s: float = 0.0
    boot_timeout_s: float = 60.0
    host: str = "localhost"
    warn: bool = False
    on_failure: tuple[str, ...] = ()
    on_failure_url: str = ""

    @property
    def words(self) -> str:
        """What is checked, in few words: `GET /health`, `port 5000`, `up for 1 s`."""
        if self.way is Way.HTTP:
            where = "" if self.port == 5000 else f" on port {self.port}"
            wanted = f" with {self.content!r}" if self.content else ""
            return f"GET {self.path or '/'}{where}{wanted}" + ("" if self.path else ": any answer")
        if self.way is Way.LISTENING:
            return f"listening on port {self.port}"
        if self.way is Way.COMMAND:
            return shlex.join(self.command)
        return f"up for {self.uptime_s:g} s"

    @property
    def title(self) -> str:
        """Its name, or what it checks."""
        return self.name or self.words
