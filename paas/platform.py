"""The composition root: settings in, every room wired to the ones below it."""

import logging
from dataclasses import dataclass, field
from functools import partial

from paas.command import Runner
from paas.disk import Disk
from paas.engines.base import Engine
from paas.engines.embedded.engine import EmbeddedEngine
from paas.errors import PaasError
from paas.git.repositories import Repositories
from paas.image.layers import Layers
from paas.image.stack import Stack
from paas.logs.logs import Logs
from paas.logs.sinks.shipping import Shipping
from paas.model import limits
from paas.network.networks import Networks
from paas.plugins.plugins import Plugins
from paas.proxy.proxy import Proxy
from paas.settings import Settings
from paas.storage.volumes import Volumes
from paas.store.store import Store
from paas.turns import Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything a command or a deploy step may need, made once by the daemon."""

    settings: Settings
    runner: Runner
    store: Store
    engine: Engine
    layers: Layers
    stack: Stack
    networks: Networks
    proxy: Proxy
    repositories: Repositories
    logs: Logs
    volumes: Volumes
    # one change of an app at a time; one push of it, from its start to the moved branch
    locks: Turns = field(default_factory=Turns)
    pushes: Turns = field(default_factory=Turns)
    builds: Turns = field(default_factory=lambda: Turns(1, "build"))
    collections: Turns = field(default_factory=lambda: Turns(1, "collection"))
    disk: Disk = field(init=False)
    plugins: Plugins = field(init=False)
    shipping: Shipping = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "disk", Disk(self.settings))
        plugins = Plugins(self.settings, self.runner, self.store, self.record)
        object.__setattr__(self, "plugins", plugins)
        shipping = Shipping(self.settings, self.store, self.logs, self.record)
        object.__setattr__(self, "shipping", shipping)

    @classmethod
    def open(cls, settings: Settings, runner: Runner) -> "Platform":
        """Wire the rooms; nothing is started yet."""
        stack, store = Stack(settings, runner), Store(settings)
        layers = Layers(settings.state_dir / "layers", (stack.root,), settings.common_uids)
        networks = Networks(settings, runner)
        return cls(
            settings=settings,
            runner=runner,
            store=store,
            engine=EmbeddedEngine(settings, runner, layers, networks),
            layers=layers,
            stack=stack,
            networks=networks,
            proxy=Proxy(settings, runner, store.certificates.pem, store.pages.files),
            repositories=Repositories(settings, runner),
            logs=Logs(settings, partial(log_bytes, settings, store)),
            volumes=Volumes(settings, runner),
            builds=Turns(settings.builds_at_once, "build"),
        )

    def start(self) -> None:
        """Bring up what containers and requests need: plugins, network, name service, proxy."""
        self.plugins.start()
        self.networks.ensure()
        self.proxy.start()
        self.proxy.watch(self._tell_of_proxy)
        self.logs.start()

    def close(self) -> None:
        """Watch no longer; all that was brought up goes on."""
        self.proxy.close()
        self.networks.close()

    def _tell_of_proxy(self, words: str, well: bool) -> None:
        self.record("", "paas", "proxy", words, "succeeded" if well else "failed")

    def record(
        self, app: str, actor: str, action: str, detail: str, result: str = "succeeded"
    ) -> None:
        """Note an event, unless events are off; what cannot be noted stops nothing."""
        try:
            if self.store.properties.get(None, "events", "off") is None:
                self.store.events.record(app, actor, action, result, detail)
        except (PaasError, OSError):
            log.exception("event lost: %s of %s by %s: %s", action, app, actor, detail)


def log_bytes(settings: Settings, store: Store, name: str) -> int:
    """How much one file of an app's log may hold: as logs:set has it, or the settings."""
    app, get = store.apps.find(name), store.properties.get
    text = (app and get(app, "logs", "max-size")) or get(None, "logs", "max-size")
    return settings.log_max_bytes if text is None else limits.log_bytes(text)
