"""Options: what docker-options want of the containers of a phase, done to their specs."""

from paas.model import container_options
from paas.model.app import App
from paas.model.container import ContainerSpec
from paas.platform import Platform


def applied(platform: Platform, app: App, phase: str, spec: ContainerSpec) -> ContainerSpec:
    """The container as the app's options of a phase want it; those of its process type win."""
    store = platform.store.docker_options
    wanted = (*store.list(app, phase), *store.list(app, phase, spec.process))
    return container_options.apply(spec, wanted) if wanted else spec
