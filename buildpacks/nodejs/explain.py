"""Why an installer failed, in one line, from what it said."""

from lifecycle import child, explain
from lifecycle.explain import Reason
from lifecycle.say import Failure

from nodejs.manifest import Package

NAME = "correct the name in package.json, and make the lock file anew"
VERSION = "ask for a version that exists, and make the lock file anew"
ENGINE = "ask for a version that fits in engines.node of package.json, or for another of it"
LOCK = "run {installer} install, and commit the lock file"

# pattern, cause, remedy; {0} is the pattern's first group
REASONS: tuple[Reason, ...] = (
    (
        (
            r"E404[\s\S]*?404\s+(?:The requested resource )?'?(@?[^\s'@]+)@[^']*'?[\s\S]*?"
            r"(?:could not be found|is not in this registry)"
        ),
        "the package {0} does not exist in the registry",
        NAME,
    ),
    (
        r"404 Not Found - GET \S+/(@?[\w.%/-]+?)(?:\s|$)",
        "the package {0} does not exist in the registry",
        NAME,
    ),
    (r"Couldn't find package \"([^\"]+)\"", "the package {0} does not exist in the registry", NAME),
    (
        r"ERR_PNPM_FETCH_404[\s\S]*?GET \S+/(\S+?):",
        "the package {0} does not exist in the registry",
        NAME,
    ),
    (r"No matching version found for (\S+?)\.?(?:\s|$)", "there is no release {0}", VERSION),
    (
        r"Couldn't find any versions for \"([^\"]+)\"",
        "no release of {0} is what was asked for",
        VERSION,
    ),
    (
        r"can only install packages when your package\.json and (\S+) (?:or \S+ )?are in sync",
        "{0} does not fit package.json",
        LOCK,
    ),
    (r"Your lockfile needs to be updated", "yarn.lock does not fit package.json", LOCK),
    (r"lockfile had changes, but lockfile is frozen", "bun.lock does not fit package.json", LOCK),
    (r"ERR_PNPM_OUTDATED_LOCKFILE", "pnpm-lock.yaml does not fit package.json", LOCK),
    (r"YN0028|The lockfile would have been modified", "yarn.lock does not fit package.json", LOCK),
    (
        r"ERESOLVE[\s\S]*?While resolving: (\S+)",
        "the dependencies contradict each other, beginning with {0}",
        "see the lines above for the two versions; --legacy-peer-deps in .npmrc ignores it",
    ),
    (
        r"Not compatible with your version of node/npm: (\S+)[\s\S]*?Required: (\{[^}]*\})",
        "{0} does not work with this version of Node.js: it wants {1}",
        ENGINE,
    ),
    (
        (
            r"Your Node version is incompatible with \"([^\"]+)\"[\s\S]*?"
            r"Expected version: ([^\n]+)"
        ),
        "{0} does not work with this version of Node.js: it wants {1}",
        ENGINE,
    ),
    (
        (
            r"(\S+): The engine \"node\" is incompatible with this module\. "
            r"Expected version \"([^\"]+)"
        ),
        "{0} does not work with this version of Node.js: it wants {1}",
        ENGINE,
    ),
    (r"EINTEGRITY", "a package is not the file the lock file was made with", LOCK),
    (
        r"npm (?:error|ERR!) path (?:\S*/)?node_modules/(\S+)[\s\S]*?command failed",
        "the install script of {0} failed",
        "see its lines above",
    ),
    (
        r"E(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT)|ERR_SOCKET_TIMEOUT",
        "the package registry could not be reached",
        "try again; if it lasts, check the machine's network and proxy settings",
    ),
)


MARK = r"npm (error|ERR!)|error|.*ERR_PNPM"  # how the lines begin that tell


def installer(name: str, output: str) -> Failure:
    """The Failure for what npm, yarn, pnpm or bun printed before it failed."""
    reasons = [(one, cause, remedy.replace("{installer}", name)) for one, cause, remedy in REASONS]
    return explain.tool(name, output.replace("%2f", "/"), reasons, MARK)


def npm(output: str) -> Failure:
    return installer("npm", output)


# -- build scripts -------------------------------------------------------------------------

SCRIPT: tuple[Reason, ...] = (
    (
        r"heap out of memory|Reached heap limit",
        "ran out of memory",
        (
            "build less at once, or raise build_memory_bytes in the settings and the heap with "
            "config:set <app> NODE_OPTIONS=--max-old-space-size=1536"
        ),
    ),
    (
        r"sh: (?:\d+: )?([\w@./-]+): (?:command )?not found",
        "needs {0}, which is not installed",
        "add the package that has it to devDependencies, and commit the lock file too",
    ),
    (
        r"Cannot find (?:module|package) '((?:@[\w.-]+/)?[\w][\w.-]*)[^']*'",
        "needs the package {0}, which is not installed",
        "npm install {0} (with --save-dev if only builds need it), and commit both files",
    ),
    (
        r"Cannot find module '(\.{0,2}/[^']+)'",
        "needs the file {0}, which is not in the repository",
        "commit it; names of files differ by upper and lower case here",
    ),
    (
        r"(error TS\d+: [^\n]{1,200})",
        "stopped at a TypeScript error: {0}",
        "correct it: tsc shows the same at your desk",
    ),
)


def script(package: Package, name: str, done: child.Completed) -> Failure:
    """The Failure for a script of the app's own that failed."""
    what = f"the {name} script of {package.path}"
    reasons = [(one, f"{what} {cause}", remedy) for one, cause, remedy in SCRIPT]
    return explain.known(done.output, reasons) or Failure(
        f"{what} failed with status {done.status}", "see its lines above"
    )
