"""Shipping: what apps' processes and the platform say is brought to the sinks that are set.

An app's lines go to its own sinks and to the instance's. Where nobody has a sink there is
one look at the database now and then: no courier, no file watched. Touches: a thread.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from paas import settings as settings_module
from paas.errors import PaasError
from paas.logs.logs import Logs
from paas.logs.sinks import places, senders
from paas.logs.sinks.courier import CLOSE_S, Client, Courier
from paas.logs.sinks.dialing import Rule, dial, rule_for_apps
from paas.logs.sinks.places import Places
from paas.logs.sinks.reading import Reading
from paas.logs.sinks.telling import Telling
from paas.logs.sinks.watching import Watching
from paas.model import sink as sinks
from paas.model.app import App
from paas.model.event import FAILED, SUCCEEDED
from paas.model.sink import Network, Sink
from paas.settings import Settings
from paas.store.store import Store

log = logging.getLogger(__name__)

ACTOR, ACTION = "paas", "sink"
LOOK_S, STOP_EVERY_S = 2.0, 0.5
EVENTS_SOUGHT = 100
GATHER_S = 0.1  # lines that come together go together
NAMESPACE, SINKS, SINCE, NETWORKS = "logs", "sinks", "sinks-since", "sink-networks"

# app, actor, action, detail, result: as Platform.record has them
Record = Callable[[str, str, str, str, str], None]
Route = tuple[Sink, bool]  # and whether it is the instance's own, which may be anywhere
Sealed = Mapping[int | None, str]  # what is kept, by the app's id (None: the instance's)
Wanted = Mapping[Route, Sequence[App]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one sink of an app. lines, size_bytes: what was not taken yet."""

    sink: Sink
    of_all: bool
    failing_since: datetime | None = None
    why: str = ""
    lines: int = 0
    size_bytes: int = 0
    begun: bool = True


class Shipping:
    """The couriers of one instance, from start() to close()."""

    def __init__(self, settings: Settings, store: Store, logs: Logs, record: Record) -> None:
        self._settings = settings
        self._store = store
        self._logs = logs
        self._record = record
        self._directory = settings.state_dir / "sinks"
        self._for_apps = rule_for_apps(settings, self._opened)
        self._couriers: dict[Route, Courier] = {}
        self._parsed: dict[str, tuple[Sink, ...]] = {}
        self._seen: tuple[Sealed, Sequence[App]] | None = None
        self._watching = Watching()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the background. Called by the daemon."""
        self._thread = threading.Thread(target=self._run, name="shipping", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; the next daemon goes on behind what was taken."""
        self._done.set()
        if self._thread:
            self._thread.join()
        deadline = time.monotonic() + CLOSE_S
        for one in self._couriers.values():
            one.end()
        for one in self._couriers.values():
            one.close(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        try:
            while not self._done.is_set():
                try:
                    self._look()
                    self._listen(LOOK_S)
                except Exception:
                    log.exception("sinks could not be looked after")
                    self._done.wait(LOOK_S)
        finally:
            self._watching.close()

    def _listen(self, duration_s: float) -> None:
        """Tell the couriers whose files change, for a while."""
        if not self._couriers:
            self._done.wait(duration_s)
        until = time.monotonic() + duration_s
        while (left_s := until - time.monotonic()) > 0 and not self._done.is_set():
            for app_id in self._watching.changed(min(left_s, STOP_EVERY_S)):
                for one in self._couriers.values():
                    one.tell(app_id)
            self._done.wait(min(left_s, GATHER_S))

    # -- who brings what -------------------------------------------------------------------

    def _look(self) -> None:
        """Have the couriers there should be, each with its apps; mostly there are already."""
        sealed = self._store.secrets.everywhere(NAMESPACE, SINKS)
        apps = self._store.apps.list() if sealed else []
        if (sealed, apps) != self._seen:
            self._appoint(self._wanted(sealed, apps))
            self._seen = (sealed, apps)
        for app_id in self._watching.add():
            for one in self._couriers.values():
                one.tell(app_id)

    def _appoint(self, wanted: Wanted) -> None:
        for route in self._couriers.keys() - wanted.keys():
            left = self._couriers.pop(route)
            left.serve({})
            left.close()
        for route, apps in wanted.items():
            courier = self._couriers.get(route) or self._courier(route)
            courier.serve(self._clients(courier, route, apps))
            if route not in self._couriers:
                self._couriers[route] = courier
                courier.start()
        served = {app for apps in wanted.values() for app in apps}
        self._watching.only({app.id: self._logs.directory(app.name) for app in served})
        kept = {self._place(app, sink).path for (sink, _), apps in wanted.items() for app in apps}
        places.keep_only(self._directory, kept)

    def _wanted(self, sealed: Sealed, apps: Sequence[App]) -> Wanted:
        known = self._parsed
        self._parsed = {text: known[text] for text in sealed.values() if text in known}
        found: dict[Route, list[App]] = {}
        for app in apps:
            for route in self._of(sealed, app):
                found.setdefault(route, []).append(app)
        return found

    def _of(self, sealed: Sealed, app: App) -> Iterator[Route]:
        """An app's sinks; one that is the instance's too is that one."""
        shared = self._read(sealed.get(None))
        ids = {one.id for one in shared}
        yield from ((one, True) for one in shared)
        yield from ((one, False) for one in self._read(sealed.get(app.id)) if one.id not in ids)

    def _read(self, sealed: str | None) -> tuple[Sink, ...]:
        """Sinks as they are kept; none of what cannot be read."""
        if sealed is None:
            return ()
        if sealed not in self._parsed:
            try:
                self._parsed[sealed] = sinks.parse_all(self._store.secrets.opened(sealed))
            except PaasError as error:
                log.warning("sinks cannot be read: %s", error.message)
                self._parsed[sealed] = ()
        return self._parsed[sealed]

    def _courier(self, route: Route) -> Courier:
        sink, anywhere = route
        rule = Rule(anywhere=True) if anywhere else self._for_apps
        hostname, trusted = settings_module.hostname(), str(self._settings.ca_bundle)
        sender = senders.sender(sink, partial(dial, sink, rule), hostname, trusted)
        return Courier(sink, sender, Telling(partial(self._tell, route), well=self._was_well(sink)))

    def _tell(self, route: Route, words: str, well: bool) -> None:
        """An event of how a sink is now, of the instance or of each app whose sink it is."""
        sink, of_all = route
        log.log(logging.INFO if well else logging.WARNING, "%s %s", sink.shown, words)
        courier = self._couriers.get(route)
        clients = courier.clients.values() if courier else ()
        result = SUCCEEDED if well else FAILED
        for name in ("",) if of_all else [one.app.name for one in clients]:
            self._record(name, ACTOR, ACTION, f"{sink.shown} {words}", result)

    def _was_well(self, sink: Sink) -> bool:
        """Whether what the daemon before this one told of it last was no failure."""
        told = self._store.events.list(action=ACTION, number=EVENTS_SOUGHT)
        last = next(
            (one for one in reversed(told) if one.detail.startswith(f"{sink.shown} ")), None
        )
        return last is None or last.result == SUCCEEDED

    def _clients(self, courier: Courier, route: Route, apps: Sequence[App]) -> dict[int, Client]:
        """Those it has go on; an app with another name has its files elsewhere."""
        found = {}
        for app in apps:
            before = courier.clients.get(app.id)
            if before is not None and before.app.created_at == app.created_at:
                if before.app.name != app.name:
                    before.reading.directory = self._logs.directory(app.name)
                    before = Client(app, before.reading)
                found[app.id] = before
            else:
                kept, since = self._place(app, route[0]), self._since(app, route)
                found[app.id] = Client(app, Reading(self._logs.directory(app.name), kept, since))
        return found

    def _place(self, app: App, sink: Sink) -> Places:
        return Places(self._directory, app, sink.id)

    def _since(self, app: App, route: Route) -> datetime:
        """From when on lines are a new sink's."""
        kept = self._store.properties.get(None if route[1] else app, NAMESPACE, SINCE)
        return datetime.fromisoformat(kept) if kept else datetime.now(UTC)

    def _opened(self) -> tuple[Network, ...]:
        return sinks.networks(self._store.properties.get(None, NAMESPACE, NETWORKS) or "")

    # -- for those who ask -----------------------------------------------------------------

    def check(self, text: str) -> None:
        """Raise PaasError for sinks that no app may have: at addresses that are not public."""
        for one in sinks.parse_all(text):
            at = sinks.address("127.0.0.1" if one.host == "localhost" else one.host)
            if at is not None and not self._for_apps.allows(at):
                raise PaasError(
                    f"an app's logs are not shipped to {one.host}: that is no public address",
                    "set it for the instance (logs:set --global sinks), or have its network "
                    "opened: logs:set --global sink-networks",
                )

    def standings(self, app: App) -> Iterator[Standing]:
        """How it stands with each sink of an app."""
        owners = {app.id: app, None: None}
        found = {
            key: self._store.secrets.sealed(one, NAMESPACE, SINKS) for key, one in owners.items()
        }
        sealed = {key: text for key, text in found.items() if text}
        for route in self._of(sealed, app):
            courier = self._couriers.get(route)
            client = courier.clients.get(app.id) if courier else None
            if courier is None or client is None:
                yield Standing(*route, begun=False)
                continue
            failing = courier.failing or client.failing
            since, why = (failing.since, failing.why) if failing else (None, "")
            yield Standing(*route, since, why, *client.reading.behind())
