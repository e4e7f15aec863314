"""How a new container is judged healthy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """Settings of a health check; times in seconds.

    path is what an HTTP GET must answer with a status below 400 (and with content
    in its body, when given); without a path any HTTP answer to GET / will do.
    boot_timeout_s bounds the wait for the port, uptime_s how long a process that
    serves no port must stay up.
    """

    path: str | None = None
    content: str | None = None
    timeout_s: float = 5.0
    attempts: int = 3
    wait_s: float = 5.0
    boot_timeout_s: float = 60.0
    uptime_s: float = 1.0
    host: str = "localhost"
