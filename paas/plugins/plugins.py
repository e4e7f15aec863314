"""Plugins: told of what happens, asked what may happen, and what is shown instead.

The one place the rooms above call. Whoever listens is in memory: where nobody does, an
occasion costs a look at two folders' times.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from paas.command import Runner
from paas.console import Console
from paas.errors import PaasError
from paas.model.caller import Caller, Role
from paas.model.occasion import Occasion
from paas.plugins import modules
from paas.plugins.environment import Call
from paas.plugins.index import Index, Listener, build, states
from paas.plugins.modules import Hook, Modules
from paas.plugins.places import HOOKS, Places
from paas.plugins.preparing import prepare
from paas.plugins.running import Outcome, Runs
from paas.settings import Settings
from paas.store.store import Store

log = logging.getLogger(__name__)

# app, actor, action, detail, result: as Platform.record has them
Record = Callable[[str, str, str, str, str], None]
PREFIX = "plugin:"
UNTOLD = frozenset({"user-auth", "user-auth-app", "app-urls"})  # not among events when it went well


class Plugins:
    """Everything installed, ready to be called; for any thread."""

    def __init__(self, settings: Settings, runner: Runner, store: Store, record: Record) -> None:
        self.places = Places(settings)
        self.runs = Runs(self.places, runner)
        self.modules = Modules()
        self._settings = settings
        self._store = store
        self._record = record
        self._index: Index | None = None
        self._changing = threading.Lock()

    def start(self) -> None:
        """Have in place what plugins find, and load what runs in the daemon itself."""
        prepare(self.places)
        self.modules.load_distributions()
        self.refresh()

    # -- who is there --------------------------------------------------------------------

    @property
    def index(self) -> Index:
        """Who listens now."""
        found = self._index
        if found is None or found.states != states(self.places):
            return self.refresh()
        return found

    def refresh(self) -> Index:
        """Look again, since a plugin was installed, enabled, disabled or removed."""
        with self._changing:
            found = build(self.places, self._store.plugins.list())
            self.modules.match(found.present.values())
            self._index = found
            return found

    def listening(self, trigger: str, actor: str = "") -> list[Listener]:
        """Whose executables a trigger calls; a plugin does not hear of what it did itself."""
        every = self.index.listeners.get(trigger, ())
        return [one for one in every if actor != PREFIX + one.plugin]

    def heard(self, kind: type[Occasion]) -> bool:
        """Whether anybody listens to such occasions."""
        names = {kind.trigger, *kind.aliases}
        if not names.isdisjoint(self.index.listeners):
            return True
        hook = "answered" if kind.answers else "allowed" if kind.veto else "happened"
        return bool(self.modules.listening(hook))

    def caller(self, uid: int) -> Caller | None:
        """Who a user of this machine is, when it is an enabled plugin's."""
        if not self._settings.uids(0) < uid < self._settings.uids(1):
            return None
        name, may = self.index.users.get(uid, ("", ()))
        return Caller(PREFIX + name, "plugin", frozenset({Role.PLUGIN}), may=may) if name else None

    # -- what happens --------------------------------------------------------------------

    def happened(self, occasion: Occasion, actor: str, console: Console | None = None) -> None:
        """Tell everybody of what was done; what goes wrong is told, and changes nothing."""
        for name, words in self._failures(occasion, Call(name=actor), console):
            log.warning("%s", words, extra={"plugin": name, "trigger": occasion.trigger})
            if console is not None:
                console.warn(words)

    def allow(
        self,
        occasion: Occasion,
        actor: str,
        console: Console | None = None,
        call: Call | None = None,
    ) -> None:
        """Ask everybody whether something may be done; PaasError, by name, from whoever says no."""
        for name, words in self._failures(occasion, call or Call(name=actor), console):
            raise PaasError(words, f"its lines above say why, or: paas plugin:disable {name}")

    def answer(self, occasion: Occasion, text: str, call: Call) -> str:
        """What is shown instead of a text, when a plugin says something else.

        Where plugins have a veto, silence is an answer too, and a failure shows nothing.
        """
        for name, arguments in occasion.calls():
            for listener in self.listening(name, call.name):
                outcome = self.runs.trigger(
                    listener, arguments, call, given=text.encode(), answers=True
                )
                self._noted(occasion, name, listener.plugin, outcome)
                if outcome.why and occasion.veto:
                    raise PaasError(failure(listener.plugin, name, outcome), outcome.last)
                if outcome.why:
                    log.warning("%s", failure(listener.plugin, name, outcome))
                elif outcome.answer.strip() or occasion.veto:
                    text = outcome.answer.decode(errors="replace")
        for hook in self._hooks("answered", call.name):
            called = self._called(hook, occasion, call.name, text=text)
            if isinstance(called.answer, bytes) and called.answer:
                text = called.answer.decode()
        return text

    def _failures(
        self, occasion: Occasion, call: Call, console: Console | None
    ) -> "list[tuple[str, str]]":
        """Call everybody in turn; who failed, and how. A veto is asked no further."""
        failed: list[tuple[str, str]] = []
        call = replace(call, app=call.app or occasion.subject)
        for name, arguments in occasion.calls():
            for listener in self.listening(name, call.name):
                outcome = self.runs.trigger(listener, arguments, call, console)
                self._noted(occasion, name, listener.plugin, outcome)
                if outcome.why:
                    failed.append((listener.plugin, failure(listener.plugin, name, outcome)))
                    if occasion.veto:
                        return failed
        for hook in self._hooks("allowed" if occasion.veto else "happened", call.name):
            outcome = self._called(hook, occasion, call.name)
            if outcome.why:
                failed.append((hook.name, failure(hook.name, occasion.trigger, outcome)))
                if occasion.veto:
                    break
        return failed

    # -- one call ------------------------------------------------------------------------

    def _hooks(self, name: str, actor: str) -> list[Hook]:
        return [one for one in self.modules.listening(name) if actor != PREFIX + one.name]

    def _called(self, hook: Hook, occasion: Occasion, actor: str, **more: str) -> Outcome:
        begun = time.monotonic()
        values = {"occasion": occasion, "actor": actor, **more}
        done = modules.call(hook, values, self._settings.plugin_timeout_s)
        why = "" if done.error is None else modules.reason(done.error)
        answer = done.value.encode() if isinstance(done.value, str) else b""
        outcome = Outcome(why, time.monotonic() - begun, answer)
        self._noted(occasion, occasion.trigger, hook.name, outcome)
        return outcome

    def _noted(self, occasion: Occasion, trigger: str, plugin: str, outcome: Outcome) -> None:
        """One event for each plugin that was called, as dokku logs the triggers it invokes."""
        if outcome.why or trigger not in UNTOLD:
            words = f"{trigger} {outcome.why or 'ended'} after {outcome.seconds:.1f} s"
            result = "failed" if outcome.why else "succeeded"
            self._record(occasion.subject, PREFIX + plugin, "trigger", words, result)


def failure(plugin: str, trigger: str, outcome: Outcome) -> str:
    """`plugin hello: trigger post-deploy failed with 3 after 1.2 s`."""
    who = "a hook" if plugin == HOOKS else f"plugin {plugin}"
    return f"{who}: trigger {trigger} {outcome.why} after {outcome.seconds:.1f} s"
