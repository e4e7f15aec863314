"""Modules: Python hooks in the daemon itself, each call bounded and apart from all others.

They come from plugins that name one in their plugin.toml, and from installed distributions
with an entry point (paas.plugins). An error in one is named and logged and ends there.
"""

import importlib.util
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from paas.errors import PaasError
from paas.plugins import hooks
from paas.plugins.index import Present

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hook:
    """One function of one module. name: the plugin's, or the entry point's."""

    name: str
    function: Any
    arguments: tuple[str, ...]


@dataclass(slots=True)
class Call:
    """How a call of a hook ended."""

    value: Any = None
    error: BaseException | None = None


class Modules:
    """The modules that are there now."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._loaded: dict[str, Path] = {}

    def load_distributions(self) -> None:
        """What installed distributions bring; once, when the daemon starts."""
        for point in entry_points(group=hooks.ENTRY_POINTS):
            self._safely(point.name, lambda point=point: self._add_point(point))

    def _add_point(self, point: EntryPoint) -> None:
        self._manager.register(point.load(), point.name)

    def match(self, present: Iterable[Present]) -> None:
        """Have the modules of these plugins and of no others, at their present revisions."""
        wanted = {
            one.plugin.name: one.folder / one.manifest.python
            for one in present
            if one.plugin.enabled and one.manifest.python
        }
        for name in [name for name, path in self._loaded.items() if wanted.get(name) != path]:
            del self._loaded[name]
            self._manager.unregister(name=name)
        for name, path in wanted.items():
            if name not in self._loaded:
                self._safely(name, lambda name=name, path=path: self._add(name, path))

    def _add(self, name: str, path: Path) -> None:
        self._manager.register(load(name, path), name)
        self._loaded[name] = path

    def _safely(self, name: str, action: Any) -> None:
        called = bounded(action, LOAD_S)
        if called.error is not None:
            log.error("plugin %s: its module cannot be loaded: %s", name, reason(called.error))

    def listening(self, hook: str) -> list[Hook]:
        """Functions that implement a hook, in the order they are called."""
        caller = getattr(self._manager.hook, hook)
        return [
            Hook(one.plugin_name, one.function, tuple(one.argnames))
            for one in reversed(caller.get_hookimpls())
        ]


LOAD_S = 10.0


def load(name: str, path: Path) -> ModuleType:
    """Run a plugin's module under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"paas_plugin_{name.replace('-', '_')}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PaasError(f"there is no module {path.name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(hook: Hook, values: Mapping[str, Any], timeout_s: float) -> Call:
    """Call it with the values that it takes; whatever it does, this returns in time."""
    given = {name: values[name] for name in hook.arguments if name in values}
    return bounded(lambda: hook.function(**given), timeout_s)


def bounded(action: Any, timeout_s: float) -> Call:
    """Run an action in a thread of its own; one that does not end is left behind."""
    called = Call()

    def run() -> None:
        try:
            called.value = action()
        except BaseException as error:  # noqa: BLE001 - somebody else's code: exits included
            called.error = error

    thread = threading.Thread(target=run, name="plugin", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        return Call(error=TimeoutError(f"did not end within {timeout_s:g} s"))
    return called


def reason(error: BaseException) -> str:
    """In a sentence: our own errors as they are, others with their kind."""
    if isinstance(error, PaasError):
        return error.message
    return str(error) if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
