"""Where the load plays: an instance of its own, with the app under load and a quiet neighbour."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository, running
from tests.load.wire import Target

APP = Path(__file__).with_name("app.py")
APP_FILES = {"server.py": APP.read_text(), "Procfile": "web: exec python3 server.py\n"}


@contextmanager
def own_instance(**settings: object) -> Iterator[Instance]:
    """A daemon and a proxy for this run; nothing of them is left afterwards."""
    made = own_settings(**settings)
    with running(made) as instance:
        yield instance


def deployed(instance: Instance, app: str, instances: int) -> Repository:
    """The app of the load tests, answering."""
    repository = instance.repository(app)
    repository.deploy(APP_FILES)
    if instances != 1:
        instance.ok("ps:scale", app, f"web={instances}")
    return repository


def target(instance: Instance, app: str) -> Target:
    """The app behind the instance's proxy, by its domain."""
    settings = instance.settings
    return Target("127.0.0.1", settings.http_port, f"{app}.{settings.domain}")
