"""Something that changed, when, by whom and how it went."""

from dataclasses import dataclass
from datetime import datetime

# every action that is recorded, and what it tells
ACTIONS = {
    "app": "apps made, renamed, destroyed, locked and unlocked",
    "backup": "backups made and restored; apps exported, imported and cloned",
    "buildpacks": "buildpacks chosen",
    "checks": "health checks enabled, disabled and set",
    "config": "variables set and unset; names only, never a value",
    "cron": "jobs that ran, with the result; jobs suspended and resumed",
    "deploy": "deploys begun, succeeded and failed; changes of config that cut a release",
    "disk": "the disk nearly full, full, and with room again",
    "domains": "domains added and removed",
    "exit": "processes that ended by themselves, with the reason",
    "gc": "space freed, by whom, and what went",
    "keys": "SSH keys added and removed",
    "plugin": "plugins installed, updated, enabled, disabled and uninstalled",
    "proxy": "nginx ended by itself, and started again",
    "network": "networks made, destroyed, joined and left",
    "ps": "processes started, stopped, restarted, scaled, paused and resumed",
    "push": "pushes that waited, or were replaced by a newer one",
    "resource": "limits set and cleared",
    "restart": "processes started again after they ended",
    "rollback": "returns to an earlier release, asked for or automatic",
    "run": "one-off runs started in the background and stopped",
    "setting": "properties set",
    "stack": "stacks made, updated and removed",
    "storage": "volumes made, changed, mounted, unmounted, copied and destroyed",
    "trigger": "plugins that were called, by what, and how that ended",
}
RESULTS = ("begun", "succeeded", "failed")
# what a crash loop, a busy schedule or a plugin makes any number of
FREQUENT = ("cron", "exit", "restart", "trigger")


@dataclass(frozen=True, slots=True)
class Event:
    """One entry. app is "" for the instance; result is begun, succeeded or failed."""

    id: int
    at: datetime
    actor: str
    app: str
    action: str
    result: str
    detail: str
