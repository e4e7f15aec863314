"""Who may call which command. Deny by default: a command without a permission cannot be made."""

from enum import StrEnum

from paas.model.caller import Caller, Role


class Permission(StrEnum):
    """What a command needs its caller to be allowed."""

    PUBLIC = "public"  # tells nothing of any app
    READ = "read"  # shows apps and their state, no config value
    WRITE = "write"  # changes apps
    SECRETS = "secrets"  # shows or uses config values, or goes into containers
    ADMIN = "admin"  # changes the instance or who may come in
    HOOK = "hook"  # git's own hooks


GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission) - {Permission.HOOK},
    Role.HOOK: frozenset({Permission.HOOK}),
}


# what a plugin's own word can get it: never the instance, nor who may come in
FOR_PLUGINS = frozenset({Permission.READ, Permission.WRITE, Permission.SECRETS})


def allowed(caller: Caller, permission: Permission) -> bool:
    """Whether one of the caller's roles grants it."""
    if Role.PLUGIN in caller.roles:
        asked = FOR_PLUGINS.intersection(caller.may)
        return permission is Permission.PUBLIC or permission in asked
    return any(permission in GRANTS.get(role, frozenset()) for role in caller.roles)
