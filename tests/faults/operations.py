"""What meets faults: every operation, what was before it, what it makes of that, and what is."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.invariants import branch_at
from tests.faults.prober import fetch
from tests.faults.rows import read_apps
from tests.faults.stage import FILES, Done, Stage

WWW = "www.shop.test"
OTHER_NAME = {"shop": "store", "store": "shop"}


@dataclass(frozen=True)
class Operation:
    """prepare gives the state before and the one wanted, now what it is; after a fault, either."""

    name: str
    prepare: Callable[[Stage], tuple[str, str]]
    run: Callable[[Stage], Done]
    now: Callable[[Stage], str]


# -- push --------------------------------------------------------------------------------


def prepare_push(stage: Stage) -> tuple[str, str]:
    """A commit that is not deployed yet, nor was before a rollback: git would not push it again."""
    before = stage.answer().page
    if before == str(stage.page) or branch(stage) == head(stage):
        stage.page += 1
        stage.repository.commit({"page.txt": str(stage.page)})
    return before, str(stage.page)


def branch(stage: Stage) -> str:
    """Where the app's branch is."""
    repositories = stage.instance.settings.state_dir / "repos"
    return branch_at(repositories / f"{stage.app}.git")


def head(stage: Stage) -> str:
    return stage.repository.git("rev-parse", "main").stdout.decode().strip()


def push(stage: Stage) -> Done:
    """To what the app is called by now: a push to its old name would make another one."""
    stage.repository.follow(stage.app)
    return stage.repository.push()


def page(stage: Stage) -> str:
    return stage.answer().page


# -- config, rollback, scale, restart ---------------------------------------------------------


def prepare_config(stage: Stage) -> tuple[str, str]:
    before = stage.answer().mode
    if before == str(stage.mode):
        stage.mode += 1
    return before, str(stage.mode)


def set_config(stage: Stage) -> Done:
    return stage.instance.paas("config:set", stage.app, f"MODE={stage.mode}")


def prepare_rollback(stage: Stage) -> tuple[str, str]:
    """There is an earlier release with another page."""
    before = stage.answer().page
    if before != (earlier := page_before(stage)):
        return before, earlier
    prepare_push(stage)
    done = push(stage)
    assert done.returncode == 0, done.stderr
    return str(stage.page), before


def page_before(stage: Stage) -> str:
    """The page of the newest release before the current one that served."""
    found = stage.instance.json("releases:list", stage.app)
    assert isinstance(found, list)
    served = [one for one in found if one["status"] == "succeeded"]
    current = next(place for place, one in enumerate(served) if one["current"])
    if current + 1 == len(served):
        return page(stage)
    commit = served[current + 1]["commit"]
    return stage.repository.git("show", f"{commit}:page.txt").stdout.decode()


def roll_back(stage: Stage) -> Done:
    return stage.instance.paas("releases:rollback", stage.app)


def count(stage: Stage) -> str:
    """How many web processes there should be; that there are as many is an invariant."""
    return str(stage.row.counts.get("web", 1))


def scaling(before: int, after: int) -> Operation:
    def prepare(stage: Stage) -> tuple[str, str]:
        if count(stage) != str(before):
            stage.instance.ok("ps:scale", stage.app, f"web={before}")
        return str(before), str(after)

    def run(stage: Stage) -> Done:
        return stage.instance.paas("ps:scale", stage.app, f"web={after}")

    return Operation("scale up" if after > before else "scale down", prepare, run, count)


def containers(stage: Stage) -> str:
    return json.dumps(stage.row.in_service)


def prepare_restart(stage: Stage) -> tuple[str, str]:
    stage.before = containers(stage)
    return "the same", "others"


def restart(stage: Stage) -> Done:
    return stage.instance.paas("ps:restart", stage.app)


def compared(stage: Stage) -> str:
    return "the same" if containers(stage) == stage.before else "others"


# -- names: rename, domains -------------------------------------------------------------------


def prepare_rename(stage: Stage) -> tuple[str, str]:
    before = stage.app
    return before, OTHER_NAME[before]


def rename(stage: Stage) -> Done:
    return stage.instance.paas("apps:rename", stage.app, OTHER_NAME[stage.app])


def prepare_domains(stage: Stage) -> tuple[str, str]:
    before = routed(stage)
    return before, "absent" if before == "there" else "there"


def change_domains(stage: Stage) -> Done:
    verb = "add" if routed(stage) == "absent" else "remove"
    return stage.instance.paas(f"domains:{verb}", stage.app, WWW)


def routed(stage: Stage) -> str:
    """Whether the domain leads to the app; an unknown one is hung up on."""
    try:
        status, _ = fetch(stage.instance.settings.http_port, WWW)
    except ConnectionError:
        return "absent"
    return "there" if status == 200 else f"status {status}"


# -- apps: create, destroy ---------------------------------------------------------------------


def names(stage: Stage) -> set[str]:
    return {one.name for one in read_apps(stage.instance.settings)}


def prepare_create(stage: Stage) -> tuple[str, str]:
    for left in sorted(one for one in names(stage) if one.startswith("extra")):
        stage.instance.ok("--force", "apps:destroy", left)
    stage.made += 1
    return "absent", "there"


def create(stage: Stage) -> Done:
    return stage.instance.paas("apps:create", f"extra{stage.made}")


def created(stage: Stage) -> str:
    return "there" if f"extra{stage.made}" in names(stage) else "absent"


def prepare_destroy(stage: Stage) -> tuple[str, str]:
    if "doomed" not in names(stage):
        path = stage.instance.root / "work" / "doomed"
        if path.exists():
            stage.doomed.commit()
        else:
            stage.doomed = stage.instance.repository("doomed")
            stage.doomed.commit({**FILES, "name.txt": "doomed", "page.txt": "0"})
        done = stage.doomed.push()
        assert done.returncode == 0, done.stderr
    return "there", "absent"


def destroy(stage: Stage) -> Done:
    return stage.instance.paas("--force", "apps:destroy", "doomed")


def doomed(stage: Stage) -> str:
    return "there" if "doomed" in names(stage) else "absent"


OPERATIONS = {
    one.name: one
    for one in (
        Operation("push", prepare_push, push, page),
        Operation("config", prepare_config, set_config, lambda stage: stage.answer().mode),
        Operation("rollback", prepare_rollback, roll_back, page),
        scaling(1, 2),
        scaling(2, 1),
        Operation("restart", prepare_restart, restart, compared),
        Operation("rename", prepare_rename, rename, lambda stage: stage.app),
        Operation("domains", prepare_domains, change_domains, routed),
        Operation("create", prepare_create, create, created),
        Operation("destroy", prepare_destroy, destroy, doomed),
    )
}
