"""Rise: apps that arrived are brought up, a few at a time, what is not here built first.

Each bears a mark until it is up: a daemon that finds marks goes on with them.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from paas.console import Console, silent
from paas.deploy import again, arriving, order
from paas.deploy.notes import noted
from paas.deploy.operations import adjust
from paas.deploy.pipeline import cut, operation, tail
from paas.errors import PaasError, of_disk
from paas.model.app import App
from paas.platform import Platform

log = logging.getLogger(__name__)

AT_ONCE = 4
ACTOR = "paas"
Tell = Callable[[App, str], None]  # an app, and what went wrong with it; "": it is up


def waiting(platform: Platform) -> list[App]:
    """Apps that arrived and are not up yet, in the order in which they are to be."""
    found = [
        app
        for app in platform.store.apps.list()
        if platform.store.properties.get(app, *arriving.RISING) is not None
        and not arriving.begun(platform, app)
    ]
    urgency = order.urgencies(platform, found)
    return sorted(found, key=lambda app: (-urgency[app.id], app.name))


def bring_up(platform: Platform, apps: Sequence[App], tell: Tell) -> None:
    """Bring apps up, a few at a time; one that fails is told, and stops no other."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rise") as crew:
        for app in apps:
            crew.submit(attempt, platform, app, tell)


def later(platform: Platform) -> None:
    """In the background: what an earlier daemon was at work on."""
    apps = waiting(platform)
    if apps:
        arguments = (platform, apps, lambda app, why: log.info("%s: %s", app.name, why or "up"))
        threading.Thread(target=bring_up, args=arguments, name="rise", daemon=True).start()


def attempt(platform: Platform, app: App, tell: Tell) -> None:
    try:
        with silent() as console:
            rise(platform, app.name, console)
    except PaasError as error:
        tell(app, error.message)
    except OSError as error:
        known = of_disk(error)
        tell(app, known.message if known else str(error))
    except Exception:
        log.exception("%s could not be brought up", app.name)
        tell(app, "something went wrong inside paas; its log has the details")
    else:
        tell(app, "")


def rise(platform: Platform, name: str, console: Console) -> None:
    """Have one app run what it should; the mark goes when it does."""
    with operation(platform, name, console, "its arrival") as app:
        words = platform.store.properties.get(app, *arriving.RISING)
        if words is None:
            return
        with noted(platform, name, ACTOR, "backup", f"Bring up {name}"):
            run_again(platform, app, "" if words == arriving.AS_IT_IS else words, console)
        platform.store.properties.set(app, *arriving.RISING, None)


def run_again(platform: Platform, app: App, words: str, console: Console) -> None:
    """The current release's processes; a new release where its image was built, or words ask."""
    current = platform.store.releases.current(app)
    if current is None:
        return
    image = again.image_of(platform, app, current, console)
    if image == current.image and not words:
        adjust(platform, app, current, console)
        return
    config = platform.store.config.merged(app)
    words = words or f"Build {image.commit[:8]} again: restored without its image"
    tail(platform, app, cut(platform, app, image, config, words, ACTOR, console), console)
