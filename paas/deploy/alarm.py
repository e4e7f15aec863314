"""Alarm: what app.json wants done when a check fails: a command in the container, a URL called.

The URL is the app's to choose, so it is called from a container on the app's own network:
what the app may not reach, such as the host or a cloud's metadata, it cannot have reached
for it. Both have an end, whatever they meet.
"""

import json
import os
import threading

from paas.console import Console, plain
from paas.deploy import probes
from paas.engines.base import Streams
from paas.errors import PaasError
from paas.model.check import Check
from paas.model.container import Container, ContainerSpec, Kind, Limits, new_container_id
from paas.platform import Platform

COMMAND_S = 30.0
CALL_S = 10.0
LIMITS = Limits(memory_bytes=128 << 20, pids=32, scratch_bytes=8 << 20)
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
}
# a redirect is not followed: what is called is what was written
CALLER = """
import json, sys, urllib.error, urllib.request
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
given = json.load(sys.stdin)
headers = {"Content-Type": "application/json", "User-Agent": "paas-check"}
request = urllib.request.Request(given["url"], given["body"].encode(), headers, method="POST")
try:
    urllib.request.build_opener(Stay).open(request, timeout=given["timeout_s"]).close()
except urllib.error.HTTPError as error:
    sys.exit(f"it answered with status {error.code}")
except (OSError, ValueError) as error:
    sys.exit(str(getattr(error, "reason", error)))
"""


def sound(
    platform: Platform, container: Container, check: Check, problem: str, console: Console
) -> None:
    """Do what is wanted after a check failed; what of it fails is told and stops nothing."""
    if console.cancelled.is_set():
        return
    try:
        if said := run(platform, container, check, console):
            console.warn(f"onFailure: {said}")
        if said := call(platform, container, check, problem, console):
            console.warn(f"onFailure: {check.on_failure_url} could not be called: {said}")
    except PaasError as error:
        console.warn(f"onFailure: {error.message}")


def run(platform: Platform, container: Container, check: Check, console: Console) -> str:
    """The command of onFailure, beside the process while that runs; what went wrong."""
    now = platform.engine.get(container.id)
    if not check.on_failure or now is None or not now.running:
        return ""
    console.detail(f"Running onFailure of {check.title}")
    return probes.run(platform, container, check.on_failure, COMMAND_S, console)


def call(
    platform: Platform, container: Container, check: Check, problem: str, console: Console
) -> str:
    """POST what failed to the URL of onFailure, as JSON; what went wrong."""
    if not check.on_failure_url:
        return ""
    console.detail(f"Calling {check.on_failure_url}: onFailure of {check.title}")
    given = {
        "url": check.on_failure_url,
        "body": json.dumps(report(container, check, problem)),
        "timeout_s": CALL_S / 2,
    }
    return in_container(platform, caller(platform, container), json.dumps(given).encode())


def report(container: Container, check: Check, problem: str) -> dict[str, object]:
    """What whoever is called learns."""
    spec = container.spec
    return {
        "app": spec.app,
        "process": spec.hostname,
        "release": f"v{spec.release}",
        "check": check.title,
        "problem": problem,
    }


def caller(platform: Platform, container: Container) -> ContainerSpec:
    """A container with nothing of the app's but its network."""
    return ContainerSpec(
        id=new_container_id(),
        app=container.spec.app,
        slot=container.spec.slot,
        kind=Kind.RELEASE,
        process="on-failure",
        index=1,
        layers=platform.stack.run_layers,
        argv=("/usr/bin/python3", "-I", "-S", "-c", CALLER),
        environment=ENVIRONMENT,
        limits=LIMITS,
        cwd="/",
    )


def in_container(platform: Platform, spec: ContainerSpec, given: bytes) -> str:
    """Run it with this input; the last line it had to say when it failed."""
    stdin = os.memfd_create("call", os.MFD_CLOEXEC)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    said: list[bytes] = []
    listening = threading.Thread(target=probes.last_output, args=(reader, said), daemon=True)
    listening.start()
    try:
        os.pwrite(stdin, given, 0)
        session = platform.engine.spawn(spec, Streams(stdin, writer, writer))
    finally:
        os.close(stdin)
        os.close(writer)
    try:
        status = session.wait(CALL_S)
    finally:
        session.close()
        listening.join(timeout=1)
    if status is None:
        return f"it did not answer within {CALL_S:g} s"
    text = plain(b"".join(said).decode(errors="replace")).strip()
    return "" if status.code == 0 else (text.splitlines() or [status.reason])[-1]
