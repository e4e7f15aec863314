"""What a process of an app finds: its variables, its limits, its way of starting."""

from paas.model.app import App
from paas.model.container import Limits
from paas.model.release import Image
from paas.platform import Platform

PORT = 5000
LAUNCH = "/.paas/launch"
PATH = "/usr/local/bin:/usr/bin:/bin"


def launch(command: str) -> tuple[str, ...]:
    """The argv that runs a Procfile's command line in /app with the profile sourced."""
    return (LAUNCH, command)


def of_process(
    platform: Platform, app: App, image: Image, dyno: str, config: dict[str, str] | None = None
) -> dict[str, str]:
    """Image, then config, then what the platform itself says; later ones win."""
    values = platform.store.config.merged(app) if config is None else config
    return {
        "PATH": PATH,
        "HOME": "/app",
        "LANG": "C.UTF-8",
        **image.environment,
        **values,
        "PORT": str(PORT),
        "DYNO": dyno,
        "GIT_REV": image.commit,
        "PAAS_APP": app.name,
    }


def limits(platform: Platform, app: App, process_type: str) -> Limits:
    """The app's limits for a process type over the instance's defaults."""
    settings = platform.settings
    defaults = Limits(
        memory_bytes=settings.app_memory_bytes,
        pids=settings.app_pids,
        scratch_bytes=settings.app_scratch_bytes,
    )
    return platform.store.limits.effective(app, process_type, defaults)
