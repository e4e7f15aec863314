"""The configuration that nginx runs by: rendered from a shape, checked, and changed by a reload.

What one app wants never stops the others: at a start its port that another program has, or
its settings that this nginx does not take, are left out; a change that brings such is refused.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

from paas.errors import PaasError
from paas.proxy import ports, render
from paas.proxy.control import Control
from paas.proxy.nginx import Nginx
from paas.proxy.shape import Block, Shape
from paas.settings import Settings

log = logging.getLogger(__name__)
Port = tuple[str, int]


class Configuration:
    """wanted is what the routes ask for, served what nginx was told of it."""

    def __init__(self, settings: Settings, nginx: Nginx, control: Control, wanted: Shape) -> None:
        self._settings = settings
        self._nginx = nginx
        self._control = control
        self.wanted = wanted
        self.served = replace(wanted, ports=tuple(sorted(nginx.doors())))
        self._left_out: set[Block] = set()

    # -- at a start ----------------------------------------------------------------

    def acceptable(self, wanted: Shape) -> render.Site:
        """The site of a shape, checked, without what would keep nginx from starting."""
        self.wanted, self._left_out = wanted, set()
        self.served = replace(wanted, ports=tuple(self._free(wanted.ports)))
        try:
            return self._checked(self.served)
        except PaasError as error:
            refused = self.refused(self.served)
            if not refused:
                raise
            log.warning("settings of %s are left out: %s", ", ".join(refused), error.message)
            self._left_out = {one for one in wanted.blocks if one.app in refused}
            self.served = self.served.without(refused)
            return self._checked(self.served)

    def _checked(self, shape: Shape) -> render.Site:
        self._nginx.log_directories(one.app for one in shape.blocks)
        site = render.site(self._nginx.inputs(), shape)
        self._nginx.check(site)
        return site

    def _free(self, wanted: Iterable[Port]) -> Iterable[Port]:
        """Those that can be listened to, or are already."""
        for scheme, port in wanted:
            try:
                if self._nginx.pid() is None or (scheme, port) not in self.served.ports:
                    self._check_free(port)
            except PaasError as error:
                log.warning("%s: apps that want it are not served there", error.message)
            else:
                yield scheme, port

    def _check_free(self, port: int) -> None:
        ports.check_free(self._settings.listen_address, port, "port")

    def refused(self, shape: Shape) -> dict[str, str]:
        """Why nginx does not take the settings of apps, each asked for alone."""
        found = {}
        for block in shape.blocks:
            site = render.site(self._nginx.inputs(), replace(shape, blocks=(block,)))
            self._nginx.log_directories([block.app])
            try:
                self._nginx.check(site)
            except PaasError as error:
                found[block.app] = error.message
            finally:
                self._nginx.drop_site(site.digest)
        return found

    # -- while it runs -------------------------------------------------------------

    def change(self, wanted: Shape) -> None:
        """Have nginx run by this shape; PaasError, and as before, when it does not take it."""
        if wanted == self.wanted:
            self.tend()
            return
        if not self._nginx.stopped.exists():
            for scheme, port in wanted.ports:
                if (scheme, port) not in self.wanted.ports:
                    self._check_free(port)
            self._serve(self._possible(wanted))
        self.wanted = wanted

    def _possible(self, wanted: Shape) -> Shape:
        """The shape without what was left out before and is still as it was."""
        known = {one.app for one in wanted.blocks if one in self._left_out}
        return replace(wanted.without(known), ports=tuple(self._free(wanted.ports)))

    def _serve(self, shape: Shape) -> None:
        if shape == self.served:
            return
        self._nginx.make_directories()
        site = self._checked(shape)
        running = self._nginx.current.resolve().name
        self._nginx.choose(site.digest)
        try:
            self._take_up(site)
        except BaseException:
            self._nginx.choose(running)
            self._nginx.reload()
            raise
        self.served = shape
        self._nginx.drop_old_sites()

    def _take_up(self, site: render.Site) -> None:
        if self._nginx.pid() is not None:
            self._nginx.reload()
            self._nginx.wait_for_site(self._control, site.digest)

    def again(self) -> None:
        """Have nginx read everything anew, what was left out too if it can be now."""
        site = self.acceptable(self.wanted)
        self._nginx.choose(site.digest)
        self._take_up(site)
        self._nginx.drop_old_sites()

    def tend(self) -> None:
        """Listen to ports that another program had, once they are free."""
        missing = set(self.wanted.ports) - set(self.served.ports)
        if missing and not self._nginx.stopped.exists():
            self._serve(self._possible(self.wanted))

    def block_of(self, block: Block) -> str:
        """The server block an app has, or would have if it needed one."""
        return render.block(self._nginx.inputs(), self.served, block)
