"""Health: a new container is probed until it is healthy, has died, or its time is over."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from paas.console import Console, plain
from paas.deploy import alarm, astray, checks, ends, probes, symptoms
from paas.errors import PaasError
from paas.model.app import App
from paas.model.check import Check, Way
from paas.model.container import Container
from paas.model.release import Release
from paas.platform import Platform

CONNECT_EVERY_S = 0.005
LOOK_EVERY_S = 0.05
HINT_AFTER_S = 5.0
QUICK_WAIT_S = 0.2  # between attempts of the check that takes any answer
LAST_LINES = 20


def check_all(
    platform: Platform,
    app: App,
    release: Release,
    containers: Sequence[Container],
    console: Console,
) -> None:
    """Probe every container side by side; the first failure is raised with its log."""
    if not containers:
        return
    plans = {
        process: checks.of_release(platform, app, release, process)
        for process in {one.spec.process for one in containers}
    }
    probe_all(platform, [(one, plans[one.spec.process]) for one in containers], console)


def probe_all(
    platform: Platform, plans: Sequence[tuple[Container, tuple[Check, ...]]], console: Console
) -> None:
    """Make each container's checks, side by side; the first failure is raised."""
    with ThreadPoolExecutor(max_workers=len(plans), thread_name_prefix="health") as pool:
        results = [pool.submit(probe, platform, one, plan, console) for one, plan in plans]
    for result in results:
        result.result()


def probe(
    platform: Platform, container: Container, plan: Sequence[Check], console: Console
) -> None:
    """Return once one container is healthy; PaasError with its last log lines otherwise."""
    name = container.spec.hostname
    if not plan:
        console.detail(f"Skipping pre-flight checks ({name})")
        refuse_exited(platform, container)
        return
    console.detail(f"Attempting pre-flight checks ({name})")
    for check in plan:
        try:
            make(platform, container, check, console)
        except PaasError as error:
            if check.warn and not console.cancelled.is_set():
                console.warn(f"{error.message}; it is only told, as the check says")
                continue
            show_log(platform, container, console)
            raise
    console.detail(f"All checks successful ({name})")


def make(platform: Platform, container: Container, check: Check, console: Console) -> None:
    """One check to its end: healthy, or PaasError after the last attempt."""
    try:
        stay_up(platform, container, check.initial_delay_s, console)
        if check.way in (Way.HTTP, Way.LISTENING):
            wait_for_port(platform, container, check, console)
        if check.way is Way.UPTIME:
            stay_up(platform, container, check.uptime_s - container.age_s, console)
        else:
            ask_repeatedly(platform, container, check, console)
    except PaasError as error:
        alarm.sound(platform, container, check, error.message, console)
        raise


def stay_up(platform: Platform, container: Container, seconds: float, console: Console) -> None:
    """Raise PaasError when the container ends before the time is over."""
    deadline = time.monotonic() + seconds
    refuse_exited(platform, container)
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(LOOK_EVERY_S, left))
        refuse_exited(platform, container)
        console.check_cancelled()


def refuse_exited(platform: Platform, container: Container) -> None:
    now = platform.engine.get(container.id)
    if now is None:
        raise PaasError(f"{container.spec.hostname} was removed before it was ready")
    if now.exit is None:
        return
    raise PaasError(
        f"{container.spec.hostname} {ends.describe(now)} before it was ready",
        f"its last log lines are above; all of them: paas logs {container.spec.app}",
    )


# -- the port --------------------------------------------------------------------------


def wait_for_port(platform: Platform, container: Container, check: Check, console: Console) -> None:
    """Wait until something accepts on the port."""
    began = time.monotonic()
    looked, hinted = began, False
    while not probes.accepts(container, check.port):
        now = time.monotonic()
        if now - looked > LOOK_EVERY_S:
            refuse_exited(platform, container)
            console.check_cancelled()
            looked = now
        if not hinted and now - began > HINT_AFTER_S:
            hinted = True
            listening = platform.engine.listening(container.id)
            cause = astray.cause(listening, check.port)
            console.detail(f"{container.spec.hostname}: {cause}")
        if now - began > check.boot_timeout_s:
            listening = platform.engine.listening(container.id)
            raise PaasError(
                f"{container.spec.hostname} did not listen on port {check.port} "
                f"within {check.boot_timeout_s:.0f} s: {astray.cause(listening, check.port)}",
                astray.remedy(listening, check.port),
            )
        time.sleep(CONNECT_EVERY_S)


# -- attempts --------------------------------------------------------------------------


def ask_repeatedly(
    platform: Platform, container: Container, check: Check, console: Console
) -> None:
    """Look up to check.attempts times; only an explicit check insists on what it sees."""
    name, problem = container.spec.hostname, ""
    lenient = check.way is Way.HTTP and check.path is None
    for attempt in range(check.attempts):
        console.check_cancelled()
        refuse_exited(platform, container)
        problem = probes.look(platform, container, check, console)
        if not problem:
            return
        if attempt + 1 < check.attempts:
            stay_up(platform, container, QUICK_WAIT_S if lenient else check.wait_s, console)
    refuse_exited(platform, container)
    if lenient:
        console.warn(f"{name} listens, but {problem}; it gets requests all the same")
        return
    label = f" ({check.name})" if check.name else ""
    times = "once" if check.attempts == 1 else f"{check.attempts} times"
    raise PaasError(
        f"{name} failed its health check{label} {times}: {problem}",
        f"its last log lines are above; see the check with paas checks:report {container.spec.app}",
    )


def show_log(platform: Platform, container: Container, console: Console) -> None:
    """The container's last log lines, terminal-safe."""
    lines = platform.logs.tail(container.spec, LAST_LINES)
    if lines:
        console.step(f"Last log lines of {container.spec.hostname}")
        for line in lines:
            console.detail(plain(line))
    if sentence := symptoms.remedy([plain(line) for line in lines]):
        console.warn(sentence)


# -- on demand ---------------------------------------------------------------------------


def of_running(
    platform: Platform, app: App, release: Release, containers: Sequence[Container]
) -> list[tuple[Container, tuple[Check, ...]]]:
    """The checks of containers that serve already, also where a deploy would not make them."""
    return [
        (one, checks.of_process(platform, app, release, one.spec.process)) for one in containers
    ]
