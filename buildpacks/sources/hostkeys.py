"""Host keys: which keys an ssh server has, by asking it. Source: ssh-keyscan(1)."""

import subprocess
from typing import Any

from lifecycle.say import Failure

from sources.download import refuse_inward

TIMEOUT_S = "15"
KINDS = "ed25519,ecdsa,rsa"


def ask(options: dict[str, Any]) -> dict[str, Any]:
    """Lines of known_hosts(5) for a host; Failure when it has none or does not answer."""
    host, port = options["host"], options["port"]
    refuse_inward(host, port)
    argv = ["ssh-keyscan", "-T", TIMEOUT_S, "-t", KINDS, "-p", str(port), host]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    lines = [
        line for line in done.stdout.decode(errors="replace").splitlines() if line.count(" ") == 2
    ]
    if not lines:
        raise Failure(
            f"{host} has no ssh server on port {port}", "check its name, or give HOST:PORT"
        )
    return {"lines": sorted(lines)}
