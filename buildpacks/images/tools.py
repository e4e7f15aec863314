"""Running skopeo and buildah: what they say is passed on, their failures told in one sentence."""

import os
import re
import subprocess

from lifecycle import say
from lifecycle.say import Failure

TAIL = 40
# skopeo and buildah log as `time="..." level=fatal msg="..."`
MESSAGE = re.compile(r'level=(?:fatal|error) msg="((?:[^"\\]|\\.)*)"')
NOISE = ("Getting image source signatures", "Writing manifest", "Storing signatures")
WORDS = (
    (r"manifest unknown|name unknown|repository name not known", "there is no such image"),
    (
        r"unauthorized|authentication required|invalid username/password|is denied|denied: ",
        "the registry wants a login that it accepts",
    ),
    (r"no such host|server misbehaving", "the registry's name is not known"),
    (r"connection refused|i/o timeout|no route to host|network is unreachable|permitted",
     "the registry does not answer"),
    (r"x509|certificate", "the registry's certificate is not trusted"),
    (r"server gave HTTP response to HTTPS client", "the registry speaks HTTP without TLS"),
    (r"no space left on device", "the disk is full"),
)  # fmt: skip


def environment() -> dict[str, str]:
    """What the tools get of our own."""
    return {**os.environ, "HOME": "/root", "TMPDIR": "/var/tmp"}


def run(argv: list[str], failure: str) -> None:
    """Run to the end, each line of its output passed on below a heading."""
    tail: list[str] = []
    with subprocess.Popen(
        argv,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        for raw in child.stdout or ():
            line = raw.decode(errors="replace").rstrip()
            tail = [*tail[-TAIL:], line]
            if not line.startswith(("time=", *NOISE)):
                say.detail(line)
    if child.returncode != 0:
        raise told(failure, "\n".join(tail))


def capture(argv: list[str], failure: str) -> str:
    """What a short command prints."""
    done = subprocess.run(
        argv, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise told(failure, done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace")


def told(failure: str, output: str) -> Failure:
    """The failure with its reason, in our words where we have some."""
    messages = MESSAGE.findall(output) or [line for line in output.splitlines() if line.strip()]
    reason = messages[-1].replace('\\"', '"') if messages else "it said nothing"
    for pattern, words in WORDS:
        if re.search(pattern, reason):
            return Failure(f"{failure}: {words}", reason[-600:])
    return Failure(f"{failure}: {reason[-600:]}")
