"""Boot: start the containers of a release, side by side, all or none."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from paas.console import Console
from paas.deploy import environment, options, policies, ports, shared, volumes
from paas.model import docker_options
from paas.model.app import App
from paas.model.container import Container, ContainerSpec, Kind, new_container_id
from paas.model.release import Image, Release
from paas.model.volume import DEPLOY
from paas.platform import Platform

WEB = "web"
AT_ONCE = 8


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One place in an app's formation, such as web.1; web sorts first."""

    rank: int
    process: str
    index: int

    @property
    def name(self) -> str:
        return f"{self.process}.{self.index}"


def slot_of(process: str, index: int) -> Slot:
    return Slot(0 if process == WEB else 1, process, index)


def place(container: Container) -> Slot:
    """The slot that a container was started for."""
    return slot_of(container.spec.process, container.spec.index)


def wanted(platform: Platform, app: App, release: Release) -> list[Slot]:
    """Every slot that should run for a release, web first; none while the app is stopped."""
    if platform.store.apps.get(app.name).stopped:
        return []
    formation = platform.store.formation.get(app)
    return sorted(
        slot_of(process, index)
        for process in release.image.processes
        if process != "release"
        for index in range(1, formation.count(process) + 1)
    )


def start(
    platform: Platform, app: App, release: Release, slots: Sequence[Slot], console: Console
) -> list[Container]:
    """Start one container a slot; when one cannot start, the others are removed again."""
    specs = [spec(platform, app, release, slot) for slot in slots]
    counts = {slot.process: 0 for slot in slots}
    for slot in slots:
        counts[slot.process] += 1
    for process, count in counts.items():
        console.step(f"Deploying {process} (count={count})")
    return start_all(platform, specs)


def start_all(platform: Platform, specs: Sequence[ContainerSpec]) -> list[Container]:
    """Start containers side by side; all run, or none is left and the first error is raised."""
    if len(specs) == 1:
        return [platform.engine.start(specs[0])]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="boot") as pool:
        futures = [pool.submit(platform.engine.start, one) for one in specs]
    errors = [future.exception() for future in futures]
    failed = next((error for error in errors if error), None)
    if failed is None:
        return [future.result() for future in futures]
    for one in specs:
        platform.engine.remove(one.id)
    raise failed


def spec(platform: Platform, app: App, release: Release, slot: Slot) -> ContainerSpec:
    """The container of one slot of a release."""
    identity = new_container_id()
    logs = platform.settings.state_dir / "logs" / app.name
    found = ContainerSpec(
        id=identity,
        app=app.name,
        slot=app.slot,
        kind=Kind.APP,
        process=slot.process,
        index=slot.index,
        layers=release.image.layers,
        argv=environment.launch(
            release.image, command_line(platform, app, release.image, slot.process)
        ),
        environment={
            **environment.of_process(platform, app, release.image, slot.name, release.config),
            "PAAS_RELEASE": release.name,
        },
        release=release.version,
        limits=environment.limits(platform, app, slot.process),
        init=policies.starts_under_init(platform, app),
        log_max_bytes=policies.log_bytes(platform, app),
        mounts=volumes.mounts(platform, app, DEPLOY, slot.process),
        networks=shared.at_creation(platform, app),
        log=logs / f"{slot.name}.{identity}.log",
        port=ports.of_web(platform, app, release.image),
        **environment.seat(release.image),
    )
    return options.applied(platform, app, docker_options.DEPLOY, found)


def command_line(platform: Platform, app: App, image: Image, process: str) -> str:
    """What a process runs; of web, what ps:set says in place of what the image says."""
    keys = ("start-cmd",) if image.config is None else ("dockerfile-start-cmd", "start-cmd")
    found = [platform.store.properties.get(app, "ps", key) for key in keys if process == WEB]
    return next(filter(None, found), image.processes[process])
