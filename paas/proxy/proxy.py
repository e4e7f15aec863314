"""The front of every app: which domain leads where, durable on disk and live in nginx.

Touches: its own nginx (nginx.py), the table of routes (table.py), certificates and pages
(materials.py), its configuration (configuration.py) and the control socket (control.py). A
route changes without a reload and without a lost request, unless its ports or settings do.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from paas.command import Runner
from paas.errors import PaasError
from paas.failpoints import failpoint
from paas.model import names
from paas.model.route import Route, RouteState
from paas.proxy import listening, logs, shape, table
from paas.proxy.configuration import Configuration
from paas.proxy.control import Control, Unreachable
from paas.proxy.guard import Guard, Told
from paas.proxy.listening import Doors
from paas.proxy.materials import Certificates, Materials, Pages
from paas.proxy.nginx import Nginx
from paas.proxy.render import Site
from paas.proxy.shape import Shape
from paas.proxy.table import Content
from paas.settings import Settings

log = logging.getLogger(__name__)
# an app's route before a change and after it
Change = tuple[Route | None, Route | None]


class Proxy:
    """One instance's proxy. Methods may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        runner: Runner,
        certificate: Certificates = lambda _: None,
        page: Pages = lambda _: None,
    ) -> None:
        """Certificate and page: where a route's digests are found."""
        self._settings = settings
        self._nginx = Nginx(settings, runner)
        self._control = Control(self._nginx.socket)
        self._materials = Materials(self._nginx, self._control, certificate, page)
        self._table = table.Table(self._nginx.table)
        content = self._table.read()
        self._routes, self._defaults = dict(content.routes), dict(content.defaults)
        self._configuration = Configuration(
            settings, self._nginx, self._control, self._shape_of(self._routes)
        )
        self._lock = threading.RLock()
        self._guard = Guard(self._nginx.pid, self._revive)

    def prepare(self, routes: Iterable[Route], defaults: Mapping[str, str] | None = None) -> None:
        """Before start: the routes that nginx begins with, unless it runs already.

        defaults: what nginx is told for every app. Raises PaasError when two of them want
        one domain.
        """
        wanted = every(routes)
        with self._lock:
            if defaults is not None:
                self._defaults = dict(defaults)
            if self._nginx.pid() is None and wanted != self._routes:
                self._nginx.make_directories()
                for route in wanted.values():
                    self._materials.bring(route)
                self._save(wanted)

    def start(self) -> None:
        """Start nginx, or adopt the one that runs and reload it if its configuration is old.

        The routes on disk are live when this returns. Raises PaasError when a port
        is taken or a part of nginx is missing.
        """
        with self._lock:
            nginx = self._nginx
            nginx.make_directories()
            nginx.stopped.unlink(missing_ok=True)
            self._let_wait(self._routes)
            if nginx.pid() is None:
                nginx.end_orphans()  # which have the ports that are looked at next
            site = self._configuration.acceptable(self._shape_of(self._routes))
            if nginx.pid() is not None and not self._adopt(site):
                nginx.stop()
            if nginx.pid() is None:
                nginx.choose(site.digest)
                nginx.launch()
            nginx.wait_for_site(self._control, site.digest)
            nginx.drop_old_sites()
            for route in self._routes.values():
                self._materials.show(route)
            self._control.put_all(table.encode_all(self._routes))
            self._materials.keep(self._routes.values())
            self._let_through()

    def watch(self, told: Told) -> None:
        """Have nginx started again whenever it ends, and told about it, until close."""
        self._guard.begin(told)

    def close(self) -> None:
        """Watch no longer; nginx goes on."""
        self._guard.end()

    def _revive(self) -> bool:
        """Start nginx, unless it runs or shall not; whether it was started."""
        with self._lock:
            wanted = self._nginx.pid() is None and not self._nginx.stopped.exists()
            if wanted:
                self.start()
            return wanted

    def _adopt(self, site: Site) -> bool:
        """Whether the running nginx answers; it is on its way to this site when it does."""
        try:
            running = self._control.site()
        except PaasError:
            log.warning("the running nginx does not answer: starting it anew")
            return False
        if running != site.digest:
            self._nginx.choose(site.digest)
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
            listening.check_free(self._routes.values(), route)
            text = table.encode(route)
            self._change(
                {**self._routes, route.app: route},
                lambda: self._control.put(route.app, text),
                [route.app],
            )

    def publish_all(self, routes: Iterable[Route]) -> None:
        """Make these the routes of all apps, as one change; nothing happens when they are.

        Raises PaasError when two of them want one domain.
        """
        wanted = every(routes)
        with self._lock:
            if wanted != self._routes:
                text = table.encode_all(wanted)
                self._change(
                    wanted, lambda: self._control.put_all(text), wanted.keys() | self._routes.keys()
                )

    def move(self, old: str, route: Route) -> None:
        """Give what was routed to app old to another name: at no moment to neither."""
        with self._lock:
            others = [one for name, one in self._routes.items() if name not in (old, route.app)]
            if old in self._routes:
                self._nginx.drop_logs(old, route.app)
            self.publish_all([*others, route])

    def withdraw(self, app: str) -> None:
        """Forget an app's route and domains; nothing happens when it has none."""
        with self._lock:
            if app in self._routes:
                routes = {name: route for name, route in self._routes.items() if name != app}
                self._change(routes, lambda: self._control.delete(app), [app])
                self._nginx.drop_logs(app)

    def configure(self, defaults: Mapping[str, str]) -> None:
        """What nginx is told for every app; PaasError, and as before, when it refuses."""
        with self._lock:
            before = self._defaults
            self._defaults = dict(defaults)
            try:
                self._configuration.change(self._shape_of(self._routes))
                self._save(self._routes)
            except BaseException:
                self._defaults = before
                raise

    def _change(
        self, routes: dict[str, Route], make_live: Callable[[], None], apps: Iterable[str]
    ) -> None:
        before, was = self._routes, self._configuration.wanted
        changes = [(before.get(app), routes.get(app)) for app in apps]
        for _, route in changes:
            if route is not None:
                self._materials.bring(route)
        wanted = self._shape_after(routes, changes)
        # a server that asks for a password is there before its route says so, and after
        opening = any(old and old.guard and not (new and new.guard) for old, new in changes)
        self._let_wait(routes)
        failpoint("route.save")
        try:
            if not opening:
                self._configuration.change(wanted)
            self._save(routes)
            failpoint("route.saved")
            self._tell(changes, make_live)
            self._configuration.change(wanted)
        except (PaasError, OSError):
            self._back(before, was)
            raise
        finally:
            self._let_through()
        for old, _ in changes:
            if old is not None and (old.certificate or old.page):
                self._materials.drop(old, routes.values())
        failpoint("route.live")

    def _tell(self, changes: Iterable[Change], make_live: Callable[[], None]) -> None:
        """The running nginx; one that does not answer is started, unless it shall not run."""
        if self._nginx.stopped.exists():
            return
        try:
            for _, route in changes:
                if route is not None:
                    self._materials.show(route)
            make_live()
        except Unreachable as error:
            log.warning("%s: starting it", error)
            self.start()

    def _back(self, before: dict[str, Route], was: Shape) -> None:
        """What did not work out is on no disk and in no configuration."""
        self._save(before)
        try:
            self._configuration.change(was)
        except (PaasError, OSError):
            log.exception("the proxy's configuration is not what it was")

    # -- what nginx is told by its configuration ------------------------------------

    def _shape_of(self, routes: Mapping[str, Route]) -> Shape:
        own = (self._settings.http_port, self._settings.https_port)
        return shape.of(routes, own, self._defaults)

    def _shape_after(self, routes: Mapping[str, Route], changes: Iterable[Change]) -> Shape:
        """The shape of the routes; looked at only when one of the changes can concern it."""
        now = self._configuration.wanted
        wild = any(name.startswith("*.") for one in now.blocks for name in one.names)
        same = all(shape.concerns(old) == shape.concerns(new) for old, new in changes)
        return now if same and not wild else self._shape_of(routes)

    def refused(self, app: str | None = None) -> dict[str, str]:
        """Why nginx does not take the settings of apps, or of one, as they are."""
        with self._lock:
            wanted = self._configuration.wanted
            blocks = tuple(one for one in wanted.blocks if app in (None, one.app))
            return self._configuration.refused(replace(wanted, blocks=blocks))

    def reload(self) -> None:
        """Render everything anew and have nginx read it."""
        with self._lock:
            self._configuration.again()

    def tend(self) -> None:
        """Now and then: start nginx if it died, open ports that were taken, begin new logs."""
        with self._lock:
            if self._nginx.pid() is None and not self._nginx.stopped.exists():
                log.warning("nginx is gone: starting it")
                self.start()
            self._configuration.tend()
        if logs.rotate(self._nginx.logs):
            self.reopen_logs()

    def reopen_logs(self) -> None:
        """After a rotation renamed the access and error logs: have nginx begin new ones."""
        self._nginx.reopen_logs()

    def configuration(self, app: str) -> str:
        """The server block an app has, or would have if it needed one."""
        with self._lock:
            route = self._routes.get(app) or Route(app, ())
            return self._configuration.block_of(shape.block(route))

    def challenge(self, host: str, token: str, answer: str | None) -> None:
        """Answer a certificate authority that asks a host for a token; None: no more."""
        if answer is None:
            self._control.delete_challenge(host, token)
        else:
            self._control.put_challenge(host, token, answer)

    # -- holding -----------------------------------------------------------------

    def _let_wait(self, routes: Mapping[str, Route]) -> None:
        """Before an app is held: requests ask whether they must wait while this file is there."""
        if any(route.state is RouteState.HELD for route in routes.values()):
            self._nginx.held.touch(mode=0o644)

    def _let_through(self) -> None:
        """Once no app is held, requests ask no more."""
        if not any(route.state is RouteState.HELD for route in self._routes.values()):
            self._nginx.held.unlink(missing_ok=True)

    def _save(self, routes: dict[str, Route]) -> None:
        self._table.write(Content(routes, self._defaults))
        self._routes = routes

    def routes(self) -> dict[str, Route]:
        """Every app's route."""
        with self._lock:
            return dict(self._routes)

    def doors(self) -> Doors:
        """Scheme and number of each port that is open beside the ordinary ones."""
        return self._nginx.doors()

    # -- the process -------------------------------------------------------------

    def running(self) -> bool:
        """Whether nginx runs."""
        return self._nginx.pid() is not None

    def stop(self, *, until_told: bool = False) -> None:
        """End nginx: requests under way get ten seconds. The routes stay on disk.

        until_told: nothing but start() brings it back.
        """
        with self._lock:
            if until_told:
                self._nginx.stopped.touch()
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
