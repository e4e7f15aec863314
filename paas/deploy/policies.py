"""Policies: what an app's properties decide about its deploys, its value over the instance's."""

from paas.model import limits
from paas.model.app import App
from paas.model.check import Mode
from paas.model.container import ContainerSpec
from paas.model.restart import RestartPolicy
from paas.platform import Platform

ALL_PROCESSES = "_all_"
DEPLOY_BRANCHES = ("main", "master")
REVISION, NO_VARIABLE = "GIT_REV", "-"
IN_APP_DIR = "build-in-app-dir"
WITHHELD = "withhold-config"


def value(platform: Platform, app: App, namespace: str, key: str) -> str | None:
    """The app's property, or the instance's, or None."""
    get = platform.store.properties.get
    return get(app, namespace, key) or get(None, namespace, key)


def number(platform: Platform, app: App, namespace: str, key: str, default: float) -> float:
    """A property that is a number; the default where nobody set it."""
    text = value(platform, app, namespace, key)
    return default if text is None else float(text)


def restart(platform: Platform, app: App, spec: ContainerSpec) -> RestartPolicy:
    """When a process that ended is started again: what its options say, or the app."""
    text = spec.extras.restart or value(platform, app, "ps", "restart-policy")
    return RestartPolicy.parse(text) if text else RestartPolicy()


def stop_grace_s(platform: Platform, app: App, spec: ContainerSpec) -> float:
    """Time between SIGTERM and SIGKILL: what a container's options say, or the app."""
    if spec.extras.stop_timeout_s is not None:
        return float(spec.extras.stop_timeout_s)
    return number(platform, app, "ps", "stop-timeout-seconds", platform.settings.stop_grace_s)


def wait_to_retire_s(platform: Platform, app: App) -> float:
    """Time an old container has to finish its requests."""
    return number(platform, app, "checks", "wait-to-retire", platform.settings.drain_s)


def default_wait_s(platform: Platform, app: App) -> float:
    """How long a process that nothing else is checked of must stay up."""
    return number(platform, app, "checks", "default-wait", platform.settings.check_uptime_s)


def skips_deploys(platform: Platform, app: App) -> bool:
    """Whether what is built is not deployed."""
    return value(platform, app, "ps", "skip-deploy") == "true"


def starts_under_init(platform: Platform, app: App) -> bool:
    """Whether containers have an init as their first process."""
    return value(platform, app, "scheduler-docker-local", "init-process") != "false"


def types_at_once(platform: Platform, app: App) -> int | None:
    """How many process types start side by side; None: all of them."""
    text = value(platform, app, "scheduler-docker-local", "parallel-schedule-count")
    return int(text) if text else None


def log_bytes(platform: Platform, app: App) -> int:
    """How much one file of the app's log may hold."""
    text = value(platform, app, "logs", "max-size")
    return platform.settings.log_max_bytes if text is None else limits.log_bytes(text)


def shell(platform: Platform, app: App) -> str | None:
    """The shell people get who go into a container without a command; None: the best there is."""
    return value(platform, app, "scheduler", "shell")


def hold_s(platform: Platform, app: App) -> float:
    """How long requests wait while the app is paused."""
    return number(platform, app, "ps", "pause-seconds", platform.settings.hold_s)


def held(platform: Platform, app: App) -> bool:
    """Whether the app is paused: its requests wait in the proxy."""
    return platform.store.properties.get(app, "ps", "held") is not None


def rollback_window_s(platform: Platform, app: App) -> float:
    """How long after its switch a release that crashes is rolled back; 0: never."""
    text = value(platform, app, "ps", "auto-rollback") or "true"
    if text in ("true", "false"):
        return platform.settings.rollback_window_s if text == "true" else 0.0
    return float(text)


def cleans_up(platform: Platform, app: App) -> bool:
    """Whether releases beyond the number kept go after a deploy."""
    return value(platform, app, "builder", "skip-cleanup") != "true"


def withheld(platform: Platform, app: App) -> tuple[str, ...]:
    """Names and patterns of config vars that builds do not see."""
    text = value(platform, app, "builder", WITHHELD)
    return tuple(text.split(",")) if text else ()


def builds_in_app_dir(platform: Platform, app: App) -> bool:
    """Whether buildpacks find the app in /app, though they could have it elsewhere."""
    return value(platform, app, "buildpacks", IN_APP_DIR) == "true"


def replaces(platform: Platform, app: App) -> bool:
    """Whether a new push takes the place of one that still waits."""
    return (value(platform, app, "git", "queue") or "replace") == "replace"


def releases_kept(platform: Platform, app: App) -> int:
    """How many releases that served, and how many that failed, are kept."""
    return int(number(platform, app, "gc", "releases-kept", platform.settings.releases_kept))


def builds_kept(platform: Platform, app: App) -> int:
    """How many builds are kept, with all they said."""
    return int(number(platform, app, "builds", "retention", platform.settings.build_logs_kept))


def listed(platform: Platform, app: App, key: str) -> tuple[str, ...]:
    """Process types whose checks are `disabled` or `skipped`."""
    text = platform.store.properties.get(app, "checks", key)
    return tuple(text.split(",")) if text else ()


def mode(platform: Platform, app: App, process: str) -> Mode:
    """What a switch does about the checks of a process type."""
    for key, found in (("disabled", Mode.DISABLED), ("skipped", Mode.SKIPPED)):
        if {process, ALL_PROCESSES} & set(listed(platform, app, key)):
            return found
    return Mode.ENABLED


def revision_variable(platform: Platform, app: App) -> str:
    """The variable that tells an app its commit; "" when it is told by none."""
    name = value(platform, app, "git", "rev-env-var") or REVISION
    return "" if name == NO_VARIABLE else name


def keeps_git_dir(platform: Platform, app: App) -> bool:
    """Whether builds find the repository itself in .git."""
    return value(platform, app, "git", "keep-git-dir") == "true"


def deploy_branches(platform: Platform, app: App) -> tuple[str, ...]:
    """The branches that deploy: the deploy-branch setting, or main and master."""
    chosen = value(platform, app, "git", "deploy-branch")
    return (chosen,) if chosen else DEPLOY_BRANCHES
