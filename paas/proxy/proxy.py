"""The front of every app: which domain leads where, durable on disk and live in nginx.

Touches: its own nginx (nginx.py), the table of routes (table.py) and the control
socket (control.py). A route changes without a reload and without a lost request.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from paas.command import Runner
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model import names
from paas.model.route import Route, RouteState
from paas.proxy import listening, render, table
from paas.proxy.control import Control, Refused, Unreachable
from paas.proxy.listening import Doors
from paas.proxy.nginx import Nginx
from paas.settings import Settings

log = logging.getLogger(__name__)


class Proxy:
    """One instance's proxy. Methods may be called from any thread."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self._nginx = Nginx(settings, runner)
        self._control = Control(self._nginx.socket)
        self._table = table.Table(self._nginx.table)
        self._routes = self._table.read()
        self._lock = threading.RLock()

    def prepare(self, routes: Iterable[Route]) -> None:
        """Before start: the routes that nginx begins with, unless it runs already.

        Raises PaasError when two of them want one domain.
        """
        wanted = every(routes)
        with self._lock:
            if self._nginx.pid() is None and wanted != self._routes:
                self._nginx.make_directories()
                self._save(wanted)

    def start(self) -> None:
        """Start nginx, or adopt the one that runs and reload it if its configuration is old.

        The routes on disk are live when this returns. Raises PaasError when a port
        is taken or a part of nginx is missing.
        """
        with self._lock:
            nginx = self._nginx
            nginx.make_directories()
            self._let_wait(self._routes)
            site = render.site(nginx.inputs(self._openable(self._routes)))
            if nginx.pid() is not None and not self._adopt(site):
                nginx.stop()
            if nginx.pid() is None:
                nginx.install(site)
                nginx.launch()
            nginx.wait_for_site(self._control, site.digest)
            nginx.drop_old_sites()
            self._control.put_all(table.encode_all(self._routes))
            self._let_through()

    def _adopt(self, site: render.Site) -> bool:
        """Whether the running nginx answers; it is on its way to this site when it does."""
        try:
            running = self._control.site()
        except PaasError:
            log.warning("the running nginx does not answer: starting it anew")
            return False
        if running != site.digest:
            self._nginx.install(site)
            self._nginx.reload()
        return True

    def publish(self, route: Route) -> None:
        """Make this the route of its app: on disk, then in every nginx worker.

        Every request that begins after this returns goes by the new route; those
        under way end where they began. Raises PaasError when a domain belongs to
        another app, or when nginx refuses; then nothing has changed.
        """
        route = checked(route)
        with self._lock:
            table.check_free(self._routes, route)
            listening.check_schemes(self._routes.values(), route)
            text = table.encode(route)
            routes = {**self._routes, route.app: route}
            self._change(routes, lambda: self._control.put(route.app, text), self._news(route))

    def publish_all(self, routes: Iterable[Route]) -> None:
        """Make these the routes of all apps, as one change; nothing happens when they are.

        Raises PaasError when two of them want one domain.
        """
        wanted = every(routes)
        with self._lock:
            if wanted != self._routes:
                text = table.encode_all(wanted)
                self._change(wanted, lambda: self._control.put_all(text))

    def move(self, old: str, route: Route) -> None:
        """Give what was routed to app old to another name: at no moment to neither."""
        with self._lock:
            others = [one for name, one in self._routes.items() if name not in (old, route.app)]
            self.publish_all([*others, route])

    def withdraw(self, app: str) -> None:
        """Forget an app's route and domains; nothing happens when it has none."""
        with self._lock:
            if app in self._routes:
                routes = {name: route for name, route in self._routes.items() if name != app}
                self._change(routes, lambda: self._control.delete(app))

    def _change(
        self,
        routes: dict[str, Route],
        make_live: Callable[[], None],
        insisted: Doors = listening.CLOSED,
    ) -> None:
        before = self._routes
        self._open(routes, insisted)
        self._let_wait(routes)
        failpoint("route.save")
        self._save(routes)
        try:
            failpoint("route.saved")
            make_live()
        except Unreachable as error:
            log.warning("%s: starting it", error)
            self.start()
        except (Refused, OSError):
            self._save(before)
            raise
        finally:
            self._let_through()
        failpoint("route.live")
        self._close()

    # -- ports beside the ordinary ones --------------------------------------------

    def _news(self, route: Route) -> Doors:
        """Doors that the app's route had not before."""
        before = self._routes.get(route.app)
        return listening.asked_for([route]) - listening.asked_for([before] if before else [])

    def _openable(self, routes: dict[str, Route], insisted: Doors = listening.CLOSED) -> Doors:
        wanted = listening.asked_for(routes.values())
        have = self._nginx.doors()
        return listening.opened(have, wanted, self._nginx.address, insisted)

    def _open(self, routes: dict[str, Route], insisted: Doors) -> None:
        """Open what routes ask for, before they lead there; PaasError for what cannot be."""
        have = self._nginx.doors()
        if listening.asked_for(routes.values()) <= have or self._nginx.pid() is None:
            return
        if (doors := have | self._openable(routes, insisted)) != have:
            self._take_up(doors)

    def _close(self) -> None:
        """Close what no route asks for any more."""
        have = self._nginx.doors()
        if needless := have - listening.asked_for(self._routes.values()):
            try:
                self._take_up(have - needless)
            except PaasError:
                log.exception("ports that no app has any more stay open for now")

    def _take_up(self, doors: Doors) -> None:
        site = render.site(self._nginx.inputs(doors))
        self._nginx.install(site)
        self._nginx.reload()
        self._nginx.wait_for_site(self._control, site.digest)
        self._nginx.drop_old_sites()

    def _let_wait(self, routes: dict[str, Route]) -> None:
        """Before an app is held: requests ask whether they must wait while this file is there."""
        if any(route.state is RouteState.HELD for route in routes.values()):
            self._nginx.held.touch(mode=0o644)

    def _let_through(self) -> None:
        """Once no app is held, requests ask no more."""
        if not any(route.state is RouteState.HELD for route in self._routes.values()):
            self._nginx.held.unlink(missing_ok=True)

    def _save(self, routes: dict[str, Route]) -> None:
        self._table.write(table.encode_all(routes))
        self._routes = routes

    def routes(self) -> dict[str, Route]:
        """Every app's route."""
        with self._lock:
            return dict(self._routes)

    def doors(self) -> Doors:
        """Scheme and number of each port that is open beside the ordinary ones."""
        return self._nginx.doors()

    def running(self) -> bool:
        """Whether nginx runs."""
        return self._nginx.pid() is not None

    def reopen_logs(self) -> None:
        """After a rotation renamed the access and error logs: have nginx begin new ones."""
        self._nginx.reopen_logs()

    def stop(self) -> None:
        """End nginx: requests under way get ten seconds. The routes stay on disk."""
        with self._lock:
            self._control.close()
            self._nginx.stop()


def every(routes: Iterable[Route]) -> dict[str, Route]:
    """Checked routes by app; PaasError when two of them want one domain."""
    found: dict[str, Route] = {}
    owners: dict[str, str] = {}
    for route in map(checked, routes):
        for domain in route.domains:
            if (owner := owners.setdefault(domain, route.app)) != route.app:
                raise table.taken(domain, owner)
        found[route.app] = route
    return found


def checked(route: Route) -> Route:
    """The route with its domains as they are looked up; PaasError for what is none."""
    return replace(route, domains=tuple(map(names.domain_name, route.domains)))
