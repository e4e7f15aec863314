"""Health: a new container is probed until it is healthy, has died, or its time is over."""

import http.client
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from paas.console import Console, plain
from paas.deploy import environment
from paas.deploy.boot import WEB
from paas.errors import PaasError
from paas.model.app import App
from paas.model.app_json import AppManifest
from paas.model.check import Check
from paas.model.container import Container
from paas.platform import Platform

CONNECT_EVERY_S = 0.005
LOOK_EVERY_S = 0.05
HINT_AFTER_S = 5.0
BODY_BYTES = 1 << 20
LAST_LINES = 20


def check_of(platform: Platform, app: App, manifest: AppManifest) -> Check:
    """The web check of an app: its checks properties over app.json's over the settings."""
    settings = platform.settings
    domains = platform.store.domains.effective(app)
    check = Check(
        timeout_s=settings.check_timeout_s,
        attempts=settings.check_attempts,
        wait_s=settings.check_wait_s,
        boot_timeout_s=settings.boot_timeout_s,
        host=next((name for name in domains if "*" not in name), "localhost"),
    )
    return with_properties(platform, app, with_manifest(check, manifest))


def with_manifest(check: Check, manifest: AppManifest) -> Check:
    """The first startup healthcheck that app.json gives for web, over check."""
    for entry in manifest.healthchecks.get(WEB, ()):
        if entry.type == "startup":
            return replace(
                check,
                path=entry.path,
                content=entry.content or None,
                timeout_s=entry.timeout_s or check.timeout_s,
                attempts=entry.attempts or check.attempts,
                wait_s=check.wait_s if entry.wait_s is None else entry.wait_s,
            )
    return check


def with_properties(platform: Platform, app: App, check: Check) -> Check:
    """What checks:set has stored, over check."""
    get = platform.store.properties.get
    values = {
        key: get(app, "checks", key) for key in ("path", "content", "timeout", "attempts", "wait")
    }
    return replace(
        check,
        path=values["path"] or check.path,
        content=values["content"] or check.content,
        timeout_s=float(values["timeout"] or check.timeout_s),
        attempts=int(values["attempts"] or check.attempts),
        wait_s=float(values["wait"] or check.wait_s),
    )


def check_all(
    platform: Platform, containers: Sequence[Container], check: Check, console: Console
) -> None:
    """Probe every container side by side; the first failure is raised with its log."""
    if not containers:
        return
    with ThreadPoolExecutor(max_workers=len(containers), thread_name_prefix="health") as pool:
        results = [pool.submit(probe, platform, one, check, console) for one in containers]
    for result in results:
        result.result()


def probe(platform: Platform, container: Container, check: Check, console: Console) -> None:
    """Return once one container is healthy; PaasError with its last log lines otherwise."""
    name = container.spec.hostname
    console.step(f"Attempting pre-flight checks ({name})")
    try:
        if container.spec.process == WEB:
            wait_for_port(platform, container, check, console)
            wait_for_answer(platform, container, check, console)
        else:
            stay_up(platform, container, check.uptime_s, console)
    except PaasError:
        show_log(platform, container, console)
        raise
    console.detail(f"All checks successful ({name})")


def stay_up(platform: Platform, container: Container, seconds: float, console: Console) -> None:
    """Raise PaasError when the container ends before the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        refuse_exited(platform, container)
        console.check_cancelled()
        time.sleep(LOOK_EVERY_S)


def refuse_exited(platform: Platform, container: Container) -> None:
    now = platform.engine.get(container.id)
    if now is None or now.exit is None:
        return
    raise PaasError(
        f"{container.spec.hostname} {describe_exit(now)} before it was ready",
        f"its last log lines are above; all of them: paas logs {container.spec.app}",
    )


def describe_exit(container: Container) -> str:
    """`killed: memory limit 64 MiB`, `exited with code 3`."""
    if container.exit is None:
        return "is running"
    limit = container.spec.limits.memory_bytes
    if container.exit.out_of_memory and limit:
        return f"{container.exit.reason} {limit >> 20} MiB"
    return container.exit.reason


def wait_for_port(platform: Platform, container: Container, check: Check, console: Console) -> None:
    """Wait until something accepts on the container's port."""
    began = time.monotonic()
    looked, hinted = began, False
    while not accepts(container):
        now = time.monotonic()
        if now - looked > LOOK_EVERY_S:
            refuse_exited(platform, container)
            console.check_cancelled()
            looked = now
        if not hinted and now - began > HINT_AFTER_S:
            hinted = True
            console.detail(f"{container.spec.hostname}: {wrong_port(platform, container)}")
        if now - began > check.boot_timeout_s:
            raise PaasError(
                f"{container.spec.hostname} did not listen on port {container.spec.port} "
                f"within {check.boot_timeout_s:.0f} s: {wrong_port(platform, container)}",
                "listen on 0.0.0.0 and on the port in the PORT variable",
            )
        time.sleep(CONNECT_EVERY_S)


def accepts(container: Container) -> bool:
    try:
        with socket.create_connection((str(container.address), container.spec.port), timeout=1):
            return True
    except OSError:
        return False


def wrong_port(platform: Platform, container: Container) -> str:
    """Where the container does listen, if anywhere."""
    listening = platform.engine.listening(container.id)
    if not listening:
        return "it listens on no port yet"
    places = ", ".join(f"{address}:{port}" for address, port in listening)
    return f"it listens on {places}, not on 0.0.0.0:{container.spec.port}"


def wait_for_answer(
    platform: Platform, container: Container, check: Check, console: Console
) -> None:
    """Ask up to check.attempts times; only an explicit check insists on what is answered."""
    problem = ""
    for attempt in range(check.attempts):
        console.check_cancelled()
        refuse_exited(platform, container)
        problem = ask(container, check, console)
        if not problem:
            return
        if attempt + 1 < check.attempts:
            stay_up(platform, container, check.wait_s if check.path else 0.2, console)
    if check.path is None:
        console.warn(
            f"{container.spec.hostname} listens, but {problem}; it gets requests all the same"
        )
        return
    raise PaasError(
        f"{container.spec.hostname} failed its health check {check.attempts} times: {problem}",
        f"its last log lines are above; see the check with paas checks:report {container.spec.app}",
    )


def ask(container: Container, check: Check, console: Console) -> str:
    """One HTTP GET; "" when the answer will do, otherwise what was wrong with it."""
    path = check.path or "/"
    connection = http.client.HTTPConnection(
        str(container.address), environment.PORT, timeout=check.timeout_s
    )
    try:
        connection.request("GET", path, headers={"Host": check.host, "User-Agent": "paas-check"})
        answer = connection.getresponse()
        body = answer.read(BODY_BYTES) if check.content else b""
    except TimeoutError:
        return f"GET {path} was not answered within {check.timeout_s:g} s"
    except http.client.BadStatusLine:
        return "" if check.path is None else f"GET {path} was not answered in HTTP"
    except (OSError, http.client.HTTPException) as error:
        return f"GET {path} failed: {error}"
    finally:
        connection.close()
    return judge(container, check, answer.status, body, console)


def judge(container: Container, check: Check, status: int, body: bytes, console: Console) -> str:
    if check.path is None:
        if status >= 500:
            console.warn(f"{container.spec.hostname} answers GET / with status {status}")
        return ""
    if status >= 400:
        return f"GET {check.path} answered with status {status}"
    if check.content and check.content.encode() not in body:
        return f"GET {check.path} answered without {check.content!r}"
    return ""


def show_log(platform: Platform, container: Container, console: Console) -> None:
    """The container's last log lines, terminal-safe."""
    lines = platform.logs.tail(container.spec, LAST_LINES)
    if lines:
        console.step(f"Last log lines of {container.spec.hostname}")
        for line in lines:
            console.detail(plain(line))
