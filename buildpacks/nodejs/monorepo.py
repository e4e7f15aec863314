"""Workspaces: which package of a repository is the app, and what is built before it."""

from lifecycle import say
from lifecycle.say import Failure

from nodejs.frameworks import known
from nodejs.manifest import Package

SETTING = "NODE_WORKSPACE"


def chosen(root: Package, config: dict[str, str]) -> Package:
    """The package to build and start: the one config names, the root, or the only app there is."""
    members = [Package(root.root, folder) for folder in root.workspaces]
    if wanted := config.get(SETTING, "").strip().strip("/"):
        return named(wanted, members)
    if not members or runs(root):
        return root
    apps = [member for member in members if runs(member)]
    if len(apps) == 1:
        say.detail(f"the app is the workspace {apps[0].folder} ({SETTING} would choose)")
        return apps[0]
    if not apps or root.exists("Procfile") or root.exists("static.json"):
        return root
    raise Failure(
        f"several workspaces can be started: {', '.join(app.folder for app in apps)}",
        f"choose one: config:set <app> {SETTING}={apps[0].folder}",
    )


def named(wanted: str, members: list[Package]) -> Package:
    for member in members:
        if wanted in (member.folder, member.name):
            return member
    known_ones = ", ".join(member.folder for member in members) or "none"
    raise Failure(
        f"{SETTING} is {wanted[:80]!r}, which is no workspace of this repository",
        f"it has: {known_ones}",
    )


def runs(package: Package) -> bool:
    """Whether a package can be started."""
    if "start" in package.scripts or package.exists("server.js"):
        return True
    return bool(package.folder) and package.build_script != "" and known(package) is not None


def build_order(root: Package, app: Package) -> list[Package]:
    """The workspaces that the app is built from, each after those it depends on, the app last."""
    members = {member.name: member for member in map_members(root)}
    ordered: list[Package] = []
    visiting: set[str] = set()

    def visit(package: Package) -> None:
        if package.folder in visiting:
            return
        visiting.add(package.folder)
        for name in package.all_dependencies:
            if name in members:
                visit(members[name])
        ordered.append(package)

    visit(app)
    return ordered


def map_members(root: Package) -> list[Package]:
    return [Package(root.root, folder) for folder in root.workspaces]
