"""Frameworks: what their build leaves, how that is started, and which caches are worth keeping.

Three shapes of an app follow from it. A server needs its production dependencies to
run; a bundle holds all it needs itself; a site is files, and needs no Node at all.
"""

import glob
import os
import re
from collections.abc import Callable

from lifecycle.say import Failure

from nodejs.manifest import Package

SERVER, BUNDLE, SITE = "server", "bundle", "site"
# commands that watch files and rebuild: for a desk, not for visitors
FOR_DEVELOPMENT = re.compile(
    r"(?:[\w./]*/)?(?:react-scripts start|react-app-rewired start|craco start|ng serve|ng s\b"
    r"|vite(?:\s*$|\s+(?:dev|serve|preview|-))|vue-cli-service serve|gatsby develop"
    r"|webpack(?:-dev-server| serve)|parcel(?! build)|next dev"
    r"|(?:astro|nuxt) (?:dev|preview)"
    r"|docusaurus start|vitepress dev|(?:npx )?(?:@11ty/)?eleventy .*--serve|remix dev"
    r"|react-router dev|nest start"
    r"|npm run (?:dev|develop|serve)\b|yarn (?:dev|develop|serve)\b|pnpm (?:run )?dev\b)"
)
SITE_FOLDERS = (
    "dist", "build", "out", "_site", ".output/public", ".vitepress/dist", "docs/.vitepress/dist",
    "docs/dist", "public", "www",
)  # fmt: skip


class Outcome:
    """What a build leaves: its shape, who makes it, and the command or the folders to serve."""

    def __init__(
        self, shape: str, title: str = "", command: str = "", folders: tuple[str, ...] = ()
    ) -> None:
        self.shape = shape
        self.title = title
        self.command = command
        self.folders = folders


def names(package: Package) -> set[str]:
    """Every dependency of the package, development ones too."""
    return set(package.all_dependencies)


def configured(package: Package, stem: str, pattern: str) -> bool:
    """Whether the configuration file stem.{js,mjs,ts,...} has what the pattern says."""
    files = (f"{stem}.{suffix}" for suffix in ("js", "mjs", "cjs", "ts", "mts"))
    return any(re.search(pattern, without_comments(package.read(name))) for name in files)


def without_comments(text: str) -> str:
    return re.sub(r"/\*[\s\S]*?\*/|(?m:^|(?<=[\s,;{]))//.*", "", text)


# -- one by one --------------------------------------------------------------------------


def next_js(package: Package) -> Outcome:
    if configured(package, "next.config", r"output[\"']?\s*:\s*[\"']export[\"']"):
        return Outcome(SITE, "Next.js", folders=("out",))
    if configured(package, "next.config", r"output[\"']?\s*:\s*[\"']standalone[\"']"):
        command = "env HOSTNAME=0.0.0.0 node .next/standalone/server.js"
        return Outcome(BUNDLE, "Next.js, standalone", command)
    return Outcome(SERVER, "Next.js", "next start --hostname 0.0.0.0")


def nuxt(package: Package) -> Outcome:
    if "generate" in package.scripts.get(package.build_script, ""):
        return Outcome(SITE, "Nuxt", folders=(".output/public", "dist"))
    return Outcome(BUNDLE, "Nuxt", "node .output/server/index.mjs")


def sveltekit(package: Package) -> Outcome:
    found = names(package)
    if "@sveltejs/adapter-static" in found:
        return Outcome(SITE, "SvelteKit", folders=("build",))
    if "@sveltejs/adapter-node" not in found:
        raise Failure(
            "SvelteKit has no adapter that makes a server: @sveltejs/adapter-node is not installed",
            f"npm install --save-dev @sveltejs/adapter-node, and name it in {adapters(package)} "
            "(for a site made of files: @sveltejs/adapter-static)",
        )
    return Outcome(SERVER, "SvelteKit", "node build")


def adapters(package: Package) -> str:
    """The file that names SvelteKit's adapter: new projects have no svelte.config.js."""
    files = ("svelte.config.js", "svelte.config.ts", "vite.config.ts", "vite.config.js")
    return next((name for name in files if "adapter" in package.read(name)), files[0])


def astro(package: Package) -> Outcome:
    if "@astrojs/node" not in names(package):
        return Outcome(SITE, "Astro", folders=("dist",))
    return Outcome(SERVER, "Astro", "env HOST=0.0.0.0 node dist/server/entry.mjs")


def nest(package: Package) -> Outcome:
    main = "node dist/src/main" if package.exists("prisma.config.ts") else "node dist/main"
    return Outcome(SERVER, "Nest", package.scripts.get("start:prod", main))


def site(title: str, *folders: str) -> Callable[[Package], Outcome]:
    return lambda _: Outcome(SITE, title, folders=folders)


def angular(package: Package) -> Outcome:
    static = re.search(r'"outputMode"\s*:\s*"static"', package.read("angular.json"))
    has_server = package.exists("src/server.ts") or package.exists("server.ts")
    if "@angular/ssr" in names(package) and has_server and not static:
        project = package.text("name") or "app"
        usual = f"node dist/{project}/server/server.mjs"
        own = (line for name, line in package.scripts.items() if name.startswith("serve:ssr"))
        return Outcome(SERVER, "Angular", next(own, usual))
    return Outcome(SITE, "Angular", folders=("dist/*/browser", "dist/*", "dist"))


def vite(package: Package) -> Outcome:
    return Outcome(SITE, "Vite", folders=("dist", "build"))


# by a package that a framework cannot be without; the first that is there counts
KNOWN: tuple[tuple[str, Callable[[Package], Outcome]], ...] = (
    ("next", next_js),
    ("nuxt", nuxt),
    ("@sveltejs/kit", sveltekit),
    ("@nestjs/core", nest),
    ("astro", astro),
    ("gatsby", site("Gatsby", "public")),
    ("react-scripts", site("Create React App", "build")),
    ("@angular/core", angular),
    ("@vue/cli-service", site("Vue", "dist")),
    ("@docusaurus/core", site("Docusaurus", "build")),
    ("vitepress", site("VitePress", ".vitepress/dist", "docs/.vitepress/dist")),
    ("@11ty/eleventy", site("Eleventy", "_site")),
    ("parcel", site("Parcel", "dist")),
    ("vite", vite),
)


def known(package: Package) -> Outcome | None:
    """What the app's framework makes of it; None when it has none that we know."""
    found = names(package)
    return next((of(package) for name, of in KNOWN if name in found), None)


def outcome(package: Package) -> Outcome:
    """The shape of the app: what its own way to start says, else what its framework makes."""
    own = own_start(package)
    if package.exists("Procfile") or (own and not {"next", "nuxt"} & names(package)):
        return Outcome(SERVER)
    if package.exists("static.json") and not own:
        return Outcome(SITE)
    made = known(package)
    if made is None or (own and not (made.shape == BUNDLE and replaced(own, made))):
        return Outcome(SERVER)
    return made if package.build_script else Outcome(SERVER, made.title)


def own_start(package: Package) -> str:
    """The command the app itself names to be started with; one for development does not count."""
    start = package.scripts.get("start", "")
    if start and not FOR_DEVELOPMENT.match(start):
        return start
    return entry(package)


def entry(package: Package) -> str:
    """`node FILE` for the file that npm would start, or one that clearly is a server."""
    if package.exists("server.js"):
        return "node server.js"
    main = package.text("main")
    for name in (main, "index.js", "app.js", "main.js", "index.mjs", "server.mjs", "server.ts"):
        if name and package.exists(name) and "listen(" in package.read(name):
            return f"node {os.path.normpath(name)}"
    return ""


def replaced(start: str, made: Outcome) -> bool:
    """Whether a start script means just what a bundle is started with anyway."""
    words = start.split()
    return words[:2] == ["next", "start"] or words[-1] in made.command.split()


# -- caches of builds --------------------------------------------------------------------

CACHES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("next", (".next/cache",)),
    ("nuxt", ("node_modules/.cache",)),
    ("@angular/core", (".angular/cache",)),
    ("parcel", (".parcel-cache",)),
    ("turbo", (".turbo/cache",)),
    ("nx", (".nx/cache",)),
    ("@11ty/eleventy", (".cache",)),
    ("astro", ("node_modules/.astro",)),
)
ALWAYS = ("node_modules/.cache", "node_modules/.vite")


def caches(package: Package) -> list[str]:
    """Folders, relative to the package's own, that a build fills and the next one reads."""
    found = names(package)
    kept = [path for name, paths in CACHES if name in found for path in paths]
    return sorted({*kept, *ALWAYS})


def site_folder(package: Package, made: Outcome) -> str:
    """The folder with index.html that a site's build has made, relative to the app's root."""
    base = os.path.join(package.root, package.folder)
    for pattern in (*made.folders, *SITE_FOLDERS):
        for found in sorted(glob.glob(os.path.join(pattern, "index.html"), root_dir=base)):
            return os.path.normpath(os.path.join(package.folder, os.path.dirname(found)))
    raise Failure(
        f"the {package.build_script} script made no folder with an index.html: looked for "
        f"{', '.join(dict.fromkeys((*made.folders, *SITE_FOLDERS)))}",
        'name the folder in a static.json, such as {"root": "dist"}; for an app with a server, '
        "add a start script",
    )
