"""What a process of an app finds: its variables, its limits, its user, its way of starting."""

import re
import shlex
from typing import Any

from paas.deploy import policies, ports
from paas.model import oci
from paas.model.app import App
from paas.model.container import Limits, Power
from paas.model.image import ImageConfig
from paas.model.release import Image
from paas.platform import Platform

LAUNCH = "/.paas/launch"
SHELL = "/bin/sh"
PATH = "/usr/local/bin:/usr/bin:/bin"
FOREIGN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def launch(image: Image, line: str) -> tuple[str, ...]:
    """The argv that runs a process's command line in an image.

    In an app that buildpacks made: in /app, with the profile sourced. In others the line's
    words are given to the entrypoint, as Docker does; where there is none, a line that
    only a shell understands gets one.
    """
    if image.config is None:
        return (LAUNCH, line)
    words = split(line)
    if image.config.entrypoint and not line.startswith(oci.BUILDPACK_PROCESSES):
        return (*image.config.entrypoint, *words)
    if shlex.join(words) == line and words and not ASSIGNMENT.match(words[0]):
        return words
    return (SHELL, "-c", line)


def split(line: str) -> tuple[str, ...]:
    """A line's words; what no shell could split is one."""
    try:
        return tuple(shlex.split(line))
    except ValueError:
        return (line,)


def script(image: Image, line: str) -> tuple[str, ...]:
    """The argv that runs a script of the app's, such as predeploy: past any entrypoint."""
    return (LAUNCH, line) if image.config is None else (SHELL, "-c", line)


def seat(image: Image) -> dict[str, Any]:
    """What a container's spec takes from its image: whom it runs as, where, how it is ended.

    An image's root may do in the app's own range of ids what images expect of it.
    """
    config = image.config
    if config is None:
        return {}
    user = config.user
    return {
        "uid": user.uid,
        "gid": user.gid,
        "groups": user.groups,
        "power": Power.ROOT if user.uid == 0 else Power.NONE,
        "cwd": config.directory,
        "stop_signal": config.stop_signal,
    }


def of_process(
    platform: Platform, app: App, image: Image, dyno: str, config: dict[str, str] | None = None
) -> dict[str, str]:
    """Image, then config, then what the platform itself says; later ones win."""
    values = platform.store.config.merged(app) if config is None else config
    memory_bytes = limits(platform, app, dyno.partition(".")[0]).memory_bytes
    return {
        **usual(image.config),
        # in MiB, by Heroku's name: not every runtime can see its limit
        **({} if memory_bytes is None else {"MEMORY_AVAILABLE": str(memory_bytes >> 20)}),
        **image.environment,
        **values,
        "PORT": str(ports.of_web(platform, app, image)),
        "DYNO": dyno,
        **revision(platform, app, image.commit),
        "PAAS_APP": app.name,
    }


def revision(platform: Platform, app: App, commit: str) -> dict[str, str]:
    """The variable that tells the commit, by the name the app wants it to have."""
    name = policies.revision_variable(platform, app)
    return {name: commit} if name else {}


def usual(config: ImageConfig | None) -> dict[str, str]:
    """What holds where neither image nor app says otherwise."""
    if config is None:
        return {"PATH": PATH, "HOME": "/app", "LANG": "C.UTF-8"}
    return {"PATH": FOREIGN_PATH, "HOME": config.user.home}


def limits(platform: Platform, app: App, process_type: str) -> Limits:
    """The app's limits for a process type over the instance's defaults."""
    settings = platform.settings
    defaults = Limits(
        memory_bytes=settings.app_memory_bytes,
        pids=settings.app_pids,
        scratch_bytes=settings.app_scratch_bytes,
    )
    return platform.store.limits.effective(app, process_type, defaults)
