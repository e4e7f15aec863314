"""Build: a commit and its Dockerfile become an image, by buildah, in here.

Its steps run under chroot isolation: with the memory, processors, processes and disk of
this container, in its network, with fewer capabilities than we have and the system calls
of an app. Sources: buildah-build(1), containers.conf(5).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from typing import Any

from lifecycle import results, say
from lifecycle.say import Failure
from lifecycle.unpack import unpack

from images import store
from images.tools import told

RESULT = "/result"
CONTEXT, STORAGE, BASES = "/work/context", "/out/storage", "/work/bases"
SECRETS, SECCOMP = "/config/secrets", "/config/seccomp.json"
DOCKERFILE, ARGUMENTS = "/config/Dockerfile", "/config/arguments"
# steps find /dev as it is here; anything mounted elsewhere would leave its place in a layer
AUTHORITIES, AUTHORITIES_INSIDE = "/etc/ssl/certs/ca-certificates.crt", "/dev/paas/ca.crt"
AUTHORITY_VARIABLES = (
    *("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"),
    *("CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"),
)
STEP = re.compile(r"^(.*?)(\[\d+/\d+\] )?STEP (\d+)/(\d+): (.*)$")
CACHED = re.compile(r"^--> Using cache ([0-9a-f]{64})")
FAILED = re.compile(r"^Error: (?:building at STEP \"(?P<step>.*)\": )?(?P<reason>.*)$", re.DOTALL)
# what buildah says to itself
NOISE = ("--> ", "COMMIT ", "Successfully tagged", "Error: ", "subprocess exited with status")
TAIL = 200


def build(options: dict[str, Any]) -> None:
    """The whole build; what can be kept for the next one is told also when it failed."""
    os.makedirs(CONTEXT)
    unpack(sys.stdin.buffer, CONTEXT)
    store.compose(BASES, options["layers"], options["images"])
    configure(options["capabilities"])
    if options["authorities"]:
        os.mkdir(os.path.dirname(AUTHORITIES_INSIDE))
        shutil.copyfile(AUTHORITIES, AUTHORITIES_INSIDE)
    output = Output(hidden=1 if options["authorities"] else 0)
    identity, failure = run(command(options), output)
    results.write(
        RESULT, "build", {**store.added(STORAGE), "image": identity, "used": sorted(output.used)}
    )
    if failure is not None:
        raise failure


def configure(capabilities: list[str]) -> None:
    """Tell buildah where things are; only these files are its configuration."""
    os.makedirs(STORAGE)
    os.makedirs("/etc/containers", exist_ok=True)
    files = {
        "storage.conf": (
            f'[storage]\ndriver = "overlay"\ngraphroot = "{STORAGE}"\nrunroot = "/work/run"\n'
            f'[storage.options]\nadditionalimagestores = ["{BASES}"]\n'
        ),
        "registries.conf": 'unqualified-search-registries = ["docker.io"]\n',
        "containers.conf": f"[containers]\ndefault_capabilities = {json.dumps(capabilities)}\n",
    }
    for name, text in files.items():
        with open(f"/etc/containers/{name}", "w") as file:
            file.write(text)


def command(options: dict[str, Any]) -> list[str]:
    """buildah's words."""
    words = [
        *("buildah", "build", "--isolation", "chroot", "--network", "host", "--layers"),
        *("--pull=never", "--format", "docker", "--tag", "result", "--iidfile", "/work/id"),
        "--identity-label=false",
        *("--security-opt", f"seccomp={SECCOMP}"),
        *("--file", place_file(options["file"])),
    ]
    if options["no_cache"]:
        words.append("--no-cache")
    if options["target"]:
        words += ["--target", options["target"]]
    for name in AUTHORITY_VARIABLES if options["authorities"] else ():
        words += ["--env", f"{name}={AUTHORITIES_INSIDE}", "--unsetenv", name]
    if os.path.getsize(ARGUMENTS):
        words += ["--build-arg-file", ARGUMENTS]
    for key, value in options["labels"].items():
        words += ["--label", f"{key}={value}"]
    for name in sorted(os.listdir(SECRETS)) if os.path.isdir(SECRETS) else ():
        words += ["--secret", f"id={name},src={SECRETS}/{name}"]
    return [*words, CONTEXT]


def place_file(name: str) -> str:
    """The Dockerfile, beside which buildah looks for an ignore file of its own."""
    path = os.path.join("/work/file", name)
    os.makedirs(os.path.dirname(path))
    shutil.copyfile(DOCKERFILE, path)
    ignore = os.path.join(CONTEXT, f"{name}.dockerignore")
    if os.path.isfile(ignore) and not os.path.islink(ignore):
        shutil.copyfile(ignore, f"{path}.dockerignore")
    return path


class Output:
    """buildah's output on its way to the pusher.

    hidden: how many steps buildah adds to each stage for us, which nobody wrote.
    """

    def __init__(self, hidden: int) -> None:
        self.used: set[str] = set()
        self._hidden = hidden
        self._in_hidden = False

    def line(self, line: str) -> None:
        """One line: steps as headings, the rest below them."""
        if found := STEP.match(line):
            if found[1]:  # a step's last line had no end
                say.detail(found[1])
            self._step(found[2] or "", int(found[3]), int(found[4]), found[5])
        elif found := CACHED.match(line):
            self.used.add(found[1])
            if not self._in_hidden:
                say.detail("as before, nothing to do")
        elif not line.startswith(NOISE):
            say.detail(line)

    def _step(self, stage: str, number: int, count: int, text: str) -> None:
        self._in_hidden = AUTHORITIES_INSIDE in text
        if self._in_hidden:
            return
        place = number if number == 1 else number - self._hidden
        say.step(f"{stage}Step {place}/{count - self._hidden}: {text}")


def run(words: list[str], output: Output) -> tuple[str, Failure | None]:
    """Run buildah, passing its output on; the image's id, or why there is none."""
    environment = {
        **os.environ,
        "BUILDAH_NOPIVOT": "1",  # our root's mount flags are locked: pivoting fails
        "TMPDIR": "/var/tmp",
    }
    tail: list[str] = []
    with subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as child:
        for raw in child.stdout or ():
            # of a line that was written over itself, as progress is, the last state
            line = raw.decode(errors="replace").rstrip("\r\n").rpartition("\r")[2]
            tail = [*tail[-TAIL:], line]
            output.line(line)
    if child.returncode == 0:
        with open("/work/id") as file:
            return file.read().strip().removeprefix("sha256:"), None
    return "", why(tail)


def why(tail: list[str]) -> Failure:
    """What buildah's last lines say went wrong."""
    errors = [line for line in tail if line.startswith("Error: ")]
    if not errors:
        return told("the Dockerfile could not be built", "\n".join(tail))
    found = FAILED.match(errors[-1])
    if found and found["step"]:
        return Failure(
            f"the step {found['step'][:300]} failed: {found['reason'][:300]}",
            "the lines above it say why",
        )
    reason = errors[-1].removeprefix("Error: ")
    return Failure(f"the Dockerfile could not be built: {reason[:600]}")
