"""Releases beyond the number kept, under their app's lock: nobody can be going back to one."""

from paas.deploy import policies, prune
from paas.upkeep.round import Round


def old_releases(round_: Round) -> None:
    """Forget them; their layers are then needed by nobody, or by others."""
    for app in round_.apps():
        with round_.undisturbed(app) as mine:
            if mine is None:
                continue
            kept = policies.releases_kept(round_.platform, mine)
            surplus = round_.platform.store.releases.surplus(mine, kept)
            if not round_.wish.dry:
                prune.releases(round_.platform, mine)
            for version in surplus.values():
                round_.note("release", f"v{version}", app=mine.name)


def surplus_ids(round_: Round) -> list[int]:
    """What a dry run only would have forgotten, by the database's ids."""
    if not round_.wish.dry:
        return []
    platform = round_.platform
    return [
        id_
        for app in round_.apps()
        for id_ in platform.store.releases.surplus(app, policies.releases_kept(platform, app))
    ]
