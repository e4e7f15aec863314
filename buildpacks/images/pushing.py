"""Push and login: what is said to a registry, by skopeo, with a login that is nobody else's.

Source: skopeo-copy(1), skopeo-login(1). skopeo remembers which layers a registry has in a
cache that outlives this container, so that layers which were not even packed again are
found there by their digests.
"""

import os
import subprocess
import time
from typing import Any

from lifecycle import say
from lifecycle.say import Failure

from images.tools import environment, run, told

LAYOUT = "oci:/layout"
AUTHENTICATION, PASSWORD = "/config/auth.json", "/config/password"
PAUSES_S = (1, 5)
# what another attempt would not mend
FINAL = ("wants a login", "there is no such image", "is not trusted", "without TLS", "blob")


def push(options: dict[str, Any]) -> None:
    """Copy the layout to each of the references; a registry that is not there is tried again."""
    for reference in options["references"]:
        patiently(reference, insecure=options["insecure"])


def patiently(reference: str, *, insecure: bool) -> None:
    for pause_s in (*PAUSES_S, None):
        try:
            copy(reference, insecure=insecure)
        except Failure as failure:
            if pause_s is None or any(words in failure.message for words in FINAL):
                raise
            say.detail(f"{failure.message}; once more in {pause_s} s")
            time.sleep(pause_s)
        else:
            return


def copy(reference: str, *, insecure: bool) -> None:
    words = ["skopeo", "copy"]
    if os.path.exists(AUTHENTICATION):
        words += ["--dest-authfile", AUTHENTICATION]
    if insecure:
        words.append("--dest-tls-verify=false")
    run([*words, LAYOUT, f"docker://{reference}"], f"{reference} cannot be pushed")


def login(options: dict[str, Any]) -> None:
    """Ask a registry whether it takes a name and a password."""
    words = ["skopeo", "login", "--authfile", "/work-auth.json", "--password-stdin"]
    if options["insecure"]:
        words.append("--tls-verify=false")
    with open(PASSWORD, "rb") as password:
        done = subprocess.run(
            [*words, "--username", options["username"], options["server"]],
            stdin=password,
            env=environment(),
            capture_output=True,
            check=False,
        )
    if done.returncode != 0:
        raise told(f"no login at {options['server']}", done.stderr.decode(errors="replace"))
