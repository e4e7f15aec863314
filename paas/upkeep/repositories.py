"""Git's garbage, by git's own hand: never while a push is under way; one that comes ends it."""

from paas.errors import PaasError
from paas.git import pushes, tidying
from paas.git.tidying import Tidying
from paas.model.app import App
from paas.upkeep.round import Round, log

RECENT, NOW = "1.day.ago", "now"


def repositories(round_: Round) -> None:
    """Tidy what is untidy; everything when that is wished."""
    if round_.wish.dry:
        return  # only git itself could tell what would go
    for app in round_.apps():
        path = round_.platform.repositories.path(app.name)
        if not path.is_dir() or not (round_.wish.everything or tidying.is_untidy(path)):
            continue
        with round_.undisturbed(app) as mine:
            if mine is not None:
                try:
                    tidy(round_, mine, expire=NOW if round_.wish.everything else RECENT)
                except PaasError as error:
                    log.warning("%s", error.message)


def tidy(round_: Round, app: App, *, expire: str, aggressive: bool = False) -> None:
    """Tidy one repository, its app's lock being held; nothing when a push is under way."""
    platform = round_.platform
    path = platform.repositories.path(app.name)
    work = Tidying(platform.settings, platform.runner, path)
    commits = [release.image.commit for release in platform.store.releases.list(app)]
    before = round_.errands.measure(path).bytes
    with pushes.quiet(app.name, work.end) as free:
        done = free and work.run(
            commits,
            expire=expire,
            aggressive=aggressive,
            timeout_s=platform.settings.build_timeout_s,
        )
    if not done:
        round_.busy.append(app.name)
        return
    freed = before - round_.errands.measure(path).bytes
    if freed > 0:
        round_.note("repository", app.name, freed, app.name)
