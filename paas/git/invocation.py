"""How git is called: which configuration and environment it gets, and nothing else.

Pure: makes options and variables. Git must see no configuration but its repository's
and ours, since a pusher chooses the objects and a hook runs with them in reach.
"""

from pathlib import Path

from paas.settings import Settings

BASE_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_COMMITTER_NAME": "paas",
    "GIT_COMMITTER_EMAIL": "paas@localhost",
    "GIT_AUTHOR_NAME": "paas",
    "GIT_AUTHOR_EMAIL": "paas@localhost",
}

PROTECTED = (
    *("-c", "protocol.allow=never"),
    *("-c", "protocol.file.allow=never"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "transfer.hideRefs=refs/paas"),
    *("-c", "gc.auto=0"),
)


def hooks_dir(settings: Settings) -> Path:
    """Where the hooks are that the git user may run but not change."""
    return settings.state_dir / "hooks"


def receive_options(settings: Settings) -> tuple[str, ...]:
    """Options for git receive-pack (git-config(1), receive.*)."""
    values = {
        "core.hooksPath": str(hooks_dir(settings)),
        "receive.fsckObjects": "true",
        "receive.maxInputSize": str(settings.push_max_bytes),
        "receive.denyDeletes": "true",
        "receive.denyNonFastForwards": "false",
        "receive.autogc": "false",
        "receive.advertisePushOptions": "false",
        # CI pushes shallow clones; without this git runs the hook, then rejects the push
        "receive.shallowUpdate": "true",
    }
    chosen = (part for key, value in values.items() for part in ("-c", f"{key}={value}"))
    return (*PROTECTED, *chosen)
