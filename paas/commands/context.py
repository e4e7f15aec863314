"""What a command gets beside its arguments: the platform, who asks, and where to speak."""

from dataclasses import dataclass

from paas.console import Console
from paas.errors import PaasError, UsageError
from paas.model.app import App
from paas.model.caller import Caller
from paas.model.occasion import AppsListed
from paas.platform import Platform
from paas.plugins.environment import Call

LINE_BYTES = 64 << 10


@dataclass(slots=True)
class Context:
    """One call of one command. force and trace are the global flags of that name."""

    platform: Platform
    caller: Caller
    console: Console
    force: bool = False
    trace: bool = False

    @property
    def local(self) -> bool:
        """Whether root asks on this very machine."""
        return self.caller.door == "local"

    def record(self, action: str, detail: str, app: App | None = None) -> None:
        """Note what the caller changed, of an app or of the instance."""
        self.platform.record(app.name if app else "", self.caller.name, action, detail)

    def given_line(self, what: str) -> str:
        """The one line of standard input: a password and its like, which no words should have."""
        text = self.console.read_all(LINE_BYTES).decode(errors="replace")
        line = text.removesuffix("\n").removesuffix("\r")
        if not line or "\n" in line:
            raise UsageError(f"standard input is not one line with {what}")
        return line

    def apps(self) -> list[App]:
        """Every app that the caller may see, by name: plugins may leave some out."""
        found = self.platform.store.apps.list()
        if not found or not self.platform.plugins.heard(AppsListed):
            return found
        call = Call(self.caller.door, self.caller.name)
        names = tuple(app.name for app in found)
        asked = AppsListed(call.user, call.name, names)
        shown = set(self.platform.plugins.answer(asked, "\n".join(names), call).split())
        return [app for app in found if app.name in shown]

    def confirm(self, name: str, consequence: str) -> None:
        """Return once the caller has typed the name, or at once with --force.

        Raises PaasError, with nothing changed, when something else is typed.
        """
        if self.force:
            return
        self.console.warn("WARNING: Potentially Destructive Action")
        self.console.warn(consequence)
        self.console.warn(f'To proceed, type "{name}"')
        if self.console.ask("> ") != name:
            raise PaasError(
                f"Confirmation did not match {name}; nothing was changed",
                "type the name, or use --force",
            )
