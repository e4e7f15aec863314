"""Something that changed, when, by whom and how it went."""

from dataclasses import dataclass
from datetime import datetime

# every action that is recorded, and what it tells
ACTIONS = {
    "app": "apps made, renamed, destroyed, locked and unlocked",
    "backup": "backups made and restored; apps exported, imported and cloned",
    "buildpacks": "buildpacks chosen",
    "certs": "certificates given, made, renewed and removed",
    "checks": "health checks enabled, disabled and set",
    "config": "variables set and unset; names only, never a value",
    "cron": "jobs that ran, with the result; jobs suspended and resumed",
    "deploy": "deploys begun, succeeded and failed; changes of config that cut a release",
    "disk": "the disk nearly full, full, and with room again",
    "docker-options": "options of builds and containers added and removed",
    "domains": "domains added and removed",
    "exit": "processes that ended by themselves, with the reason",
    "gc": "space freed, by whom, and what went",
    "git": "logins and hosts of other git servers; webhooks; pushes that were ended",
    "http-auth": "passwords asked for before an app, and for whom",
    "image": "images imported, exported, committed, tagged and removed",
    "keys": "SSH keys added and removed",
    "letsencrypt": "certificates asked for by ACME, and accounts there",
    "maintenance": "maintenance begun and ended, and its pages",
    "mirrors": "what builds get in place of other addresses",
    "network": "networks made, destroyed, joined and left",
    "nginx": "nginx started, stopped and reloaded",
    "plugin": "plugins installed, updated, enabled, disabled and uninstalled",
    "ports": "ports of apps mapped otherwise",
    "proxy": "apps shown and hidden; nginx ended by itself, and started again",
    "ps": "processes started, stopped, restarted, scaled, paused and resumed",
    "push": "pushes that waited, or were replaced by a newer one",
    "redirect": "names sent on to others",
    "registry": "logins at registries, and releases pushed there",
    "resource": "limits set and cleared",
    "restart": "processes started again after they ended",
    "rollback": "returns to an earlier release, asked for or automatic",
    "run": "one-off runs started, ended and stopped; who went into a container",
    "setting": "properties set",
    "sink": "places that logs are shipped to: when one fails, and when it works again",
    "stack": "stacks made, updated and removed",
    "storage": "volumes made, changed, mounted, unmounted, copied and destroyed",
    "sync": "repositories that could not be followed",
    "trigger": "plugins that were called, by what, and how that ended",
}
BEGUN, SUCCEEDED, FAILED = RESULTS = ("begun", "succeeded", "failed")
# what a crash loop, a busy schedule, a plugin or an unsteady sink makes any number of
FREQUENT = ("cron", "exit", "restart", "sink", "trigger")


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
