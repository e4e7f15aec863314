"""What a plugin's executable finds: dokku's variables, with places that are the plugin's own.

Pure. DOKKU_ROOT and DOKKU_LIB_ROOT lead into the plugin's own folder, so that what dokku's
plugins keep below them is theirs; no file of an app is there.
"""

import platform as machine
from dataclasses import dataclass

from paas.command import CLEAN_ENVIRONMENT
from paas.plugins.index import Listener
from paas.plugins.places import Places

NOT_IMPLEMENTED = 10  # what `commands` ends with for a command that it does not have


@dataclass(frozen=True, slots=True)
class Call:
    """How somebody calls: who, and with which of the flags before a command."""

    user: str = "paas"
    name: str = "paas"
    app: str = ""
    quiet: bool = False
    trace: bool = False
    force: bool = False


def variables(places: Places, listener: Listener, call: Call) -> dict[str, str]:
    """The environment of one run."""
    data = places.data(listener.plugin)
    return {
        **CLEAN_ENVIRONMENT,
        "PATH": f"{places.bin}:{CLEAN_ENVIRONMENT['PATH']}",
        "HOME": str(data),
        "PAAS_SOCKET": str(places.settings.socket),
        "DOKKU_ROOT": str(data / "home"),
        "DOKKU_HOST_ROOT": str(data / "home"),
        "DOKKU_LIB_ROOT": str(data),
        "DOKKU_LIB_PATH": str(data),
        "DOKKU_DISTRO": distribution(),
        "DOKKU_NOT_IMPLEMENTED_EXIT": str(NOT_IMPLEMENTED),
        "DOKKU_VALID_EXIT": "0",
        "DOKKU_SYSTEM_USER": listener.plugin,
        "PLUGIN_NAME": listener.plugin,
        "PLUGIN_PATH": str(places.root),
        "PLUGIN_AVAILABLE_PATH": str(places.root / "available"),
        "PLUGIN_ENABLED_PATH": str(places.root / "enabled"),
        "PLUGIN_CORE_PATH": str(places.core),
        "PLUGIN_CORE_AVAILABLE_PATH": str(places.core / "available"),
        "PLUGIN_CORE_ENABLED_PATH": str(places.core / "available"),
        "SSH_USER": call.user,
        "SSH_NAME": call.name,
        **({"DOKKU_APP_NAME": call.app} if call.app else {}),
        **({"DOKKU_QUIET_OUTPUT": "1"} if call.quiet else {}),
        **({"DOKKU_TRACE": "1"} if call.trace else {}),
        **({"DOKKU_APPS_FORCE_DELETE": "1"} if call.force else {}),
    }


def distribution() -> str:
    """debian, ubuntu, ...: os-release(5)'s ID."""
    try:
        return machine.freedesktop_os_release().get("ID", "linux")
    except OSError:
        return "linux"
