"""Which program installs an app's packages, in which version, and from which files."""

import glob
import os
import re

from lifecycle import say
from lifecycle.say import Failure

from nodejs import manifest, versions
from nodejs.manifest import Package

LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
SETTINGS = (
    ".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpm-workspace.yaml",
    "bunfig.toml",
)  # fmt: skip
FOLDERS = (".yarn/releases/*", ".yarn/plugins/**/*", ".yarn/patches/*", "patches/*")
# what yarn's Plug'n'Play makes in place of node_modules
PNP = (
    ".pnp.cjs", ".pnp.loader.mjs", ".pnp.data.json", ".yarn/cache", ".yarn/unplugged",
    ".yarn/install-state.gz", ".yarn/build-state.yml",
)  # fmt: skip
# in a .yarn/cache that a layer has filled, not the repository
OF_LAYER = ".yarn/cache/.made-by-build"
# the newest release that writes a lock file of this format and would not rewrite it
PNPM_BY_FORMAT = {"5": "7", "6": "8", "9": "10"}
BERRY_BY_FORMAT = {"4": "3.0", "5": "3.1", "6": "3", "7": "4.9.2", "8": "4.9.2"}
LOCAL = re.compile(r"(?:file|link|portal):(.+)|(\.{1,2}/.*)")
DECLARED = re.compile(r"(npm|yarn|pnpm|bun)@(\d+\.\d+\.\d+[\w.-]*)(?:\+\w+\.\w+)?")


class Installer:
    """npm, yarn, pnpm or bun: its lock file, and the version to install ("": comes along)."""

    def __init__(self, package: Package, name: str, lock: str) -> None:
        self.root = package.root
        self.name = name
        self.lock = lock
        self.version = version(package, name, lock)

    @property
    def berry(self) -> bool:
        """Whether this is yarn 2 or later."""
        return self.name == "yarn" and is_berry(self.root, self.lock)

    @property
    def pnp(self) -> bool:
        """Whether packages are not unpacked into node_modules: yarn berry's own default."""
        linker = re.search(
            r"^nodeLinker:\s*[\"']?([\w-]+)", manifest.read(self.root, ".yarnrc.yml"), re.MULTILINE
        )
        return self.berry and (linker is None or linker[1] == "pnp")

    @property
    def committed(self) -> bool:
        """Whether the packages themselves are in the repository (yarn's zero-installs)."""
        zips = glob.glob(os.path.join(self.root, ".yarn/cache/*.zip"))
        return self.pnp and bool(zips) and not manifest.exists(self.root, OF_LAYER)

    def provides(self, package: Package) -> list[str]:
        """The paths that installing fills."""
        if self.pnp:
            return list(PNP)
        return [os.path.join(folder, "node_modules") for folder in ["", *package.workspaces]]


def is_berry(root: str, lock: str) -> bool:
    return "__metadata:" in manifest.read(root, lock)[:4096]


def chosen(package: Package) -> Installer | None:
    """The one that made the lock file; None when there is nothing to install. Or Failure."""
    locks = [name for name in LOCKS if manifest.exists(package.root, name)]
    if "package-lock.json" in locks and "npm-shrinkwrap.json" in locks:
        locks.remove("package-lock.json")  # as npm does
    if "bun.lock" in locks and "bun.lockb" in locks:
        locks.remove("bun.lockb")
    named = declared(package)
    fitting = [lock for lock in locks if named in ("", LOCKS[lock])]
    if not locks:
        return None if nothing_to_install(package) else no_lock(package, named)
    if not fitting:
        raise Failure(
            f"package.json asks for {named} (packageManager), but the lock file is {locks[0]}",
            f"run {named} install and commit its lock file, or correct packageManager",
        )
    if len({LOCKS[lock] for lock in fitting}) > 1:
        raise Failure(
            f"there are lock files of {len(locks)} installers: {', '.join(locks)}",
            "keep the one you use, and remove the other with git rm",
        )
    for lock in locks:
        if lock not in fitting:
            say.warning(f"{lock} is left aside: package.json asks for {named} (packageManager)")
    return Installer(package, LOCKS[fitting[0]], fitting[0])


def nothing_to_install(package: Package) -> bool:
    return not package.all_dependencies and not package.workspaces


def no_lock(package: Package, named: str) -> None:
    misspelt = [name for name in sorted(os.listdir(package.root)) if name.lower() in MISSPELT]
    alike = f": {misspelt[0]} has a name that no installer reads" if misspelt else ""
    run = f"{named} install" if named else "npm install (or yarn, pnpm, bun)"
    raise Failure(
        f"package.json names dependencies, but there is no lock file{alike}",
        f"run {run}, and commit the lock file it writes",
    )


MISSPELT = (
    "package_lock.json", "packagelock.json", "package.lock.json", "package-lock.jsn", "yarn-lock",
    "yarn.loc", "yarnlock", "pnpm-lock.yml", "pnpm.lock.yaml", "pnpm-lock.json", "bun-lock",
)  # fmt: skip


def declared(package: Package) -> str:
    """The installer that package.json names: packageManager, as corepack reads it."""
    match = re.match(r"(npm|yarn|pnpm|bun)@", package.text("packageManager"))
    return match[1] if match else ""


def version(package: Package, name: str, lock: str) -> str:
    """From packageManager, then Volta and engines, then the lock file's format."""
    text = package.text("packageManager")
    if text.startswith(f"{name}@"):
        if not (match := DECLARED.fullmatch(text)):
            raise Failure(
                f"package.json: packageManager is {text[:80]!r}, which names no exact version",
                f'write one such as "{name}@{EXAMPLES[name]}"',
            )
        return match[2]
    wanted = package.table("volta").get(name) or package.table("engines").get(name, "")
    if wanted and wanted != "*":
        return versions.checked_range(wanted, f"engines.{name}")
    if name == "yarn":
        match = re.search(r"__metadata:\s+version: (\d+)", manifest.read(package.root, lock))
        return BERRY_BY_FORMAT.get(match[1], "4") if match else "1"
    if name == "pnpm":
        match = re.search(r"lockfileVersion:\s*'?(\d+)", manifest.read(package.root, lock))
        return PNPM_BY_FORMAT.get(match[1] if match else "", "10")
    return "1" if name == "bun" else ""


EXAMPLES = {"npm": "11.6.0", "yarn": "4.9.2", "pnpm": "10.12.1", "bun": "1.3.0"}


# -- what a dependency layer is made from ------------------------------------------------


def key_files(package: Package, chosen: Installer) -> list[str]:
    """Every file, and every folder, that the installed dependencies depend on."""
    packages = [package, *(Package(package.root, folder) for folder in package.workspaces)]
    files = [item.path for item in packages]
    files += [name for name in (chosen.lock, *SETTINGS) if manifest.exists(package.root, name)]
    for pattern in FOLDERS:
        found = glob.glob(pattern, root_dir=package.root, recursive=True, include_hidden=True)
        files += [name for name in sorted(found) if manifest.exists(package.root, name)]
    return files + local_packages(packages)


def local_packages(packages: list[Package]) -> list[str]:
    """Folders and archives of the repository that packages depend on by their path."""
    workspaces = {item.folder for item in packages}
    found = []
    for item in packages:
        for name, text in item.all_dependencies.items():
            if not (match := LOCAL.fullmatch(text)):
                continue
            path = os.path.normpath(os.path.join(item.folder, match[1] or match[2]))
            if path in workspaces:
                continue
            found.append(local_package(item.root, name, path))
    return sorted(set(found))


def local_package(root: str, name: str, path: str) -> str:
    full = os.path.join(root, path)
    if path == ".":
        return "."
    if path.startswith(("../", "/")) or not os.path.exists(full):
        raise Failure(
            f"package.json: {name} is to come from {path}, which is not in the repository",
            "commit it, or ask for a release from the registry",
        )
    return f"{path}/" if os.path.isdir(full) else path
