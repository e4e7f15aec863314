"""Why Deno failed, in one line, from what it said."""

from lifecycle import explain
from lifecycle.explain import Reason
from lifecycle.say import Failure

REASONS: tuple[Reason, ...] = (
    (
        r"The lockfile is out of date",
        "deno.lock does not fit deno.json",
        "run deno install, and commit deno.lock",
    ),
    (
        r"npm package '([^']+)' does not exist",
        "the package {0} does not exist in the registry",
        "correct the name in deno.json",
    ),
    (
        r"JSR package not found: (\S+)",
        "the package {0} does not exist in the registry",
        "correct the name in deno.json",
    ),
    (
        r"Could not find npm package '([^']+)' matching '([^']+)'",
        "there is no release of {0} that fits {1}",
        "ask for a version that exists, and run deno install",
    ),
    (
        r"Could not find (?:a )?(?:version|constraint)[^\n]*?'?(?:npm:|jsr:)?([@\w/.-]+@[^\s']+)'?",
        "there is no release {0}",
        "ask for a version that exists, and run deno install",
    ),
    (
        r"Integrity check failed[^\n]*?(?:for|:) \"?((?:npm:|jsr:|https:)?[@\w/.:-]+)",
        "{0} is not the file deno.lock was made with",
        "run deno install, and commit deno.lock",
    ),
    (
        r"(?:Module not found|Cannot find module) \"?(?:file:///app/)?([^\"\s]+)\"?",
        "the app imports {0}, and there is no such file",
        "commit it; names of files differ by upper and lower case here",
    ),
    (
        (
            r"(?:Relative import path|Import) \"([^\"]+)\" (?:not prefixed with / or"
            r"|(?:is )?not a dependency)"
        ),
        "the app imports {0}, which deno.json does not name",
        "run deno add npm:{0} (or jsr:), and commit deno.json and deno.lock",
    ),
    (
        (
            r"(?:error sending request|failed to lookup|Connection refused|dns error)[^\n]*?"
            r"(?:https?://)?([\w.-]+\.\w+)"
        ),
        "a registry of packages could not be reached: {0}",
        "try again; if it lasts, check the machine's network and proxy settings",
    ),
)


def deno(what: str, output: str) -> Failure:
    """The Failure for what Deno printed before it failed at something."""
    return explain.tool(what, output, REASONS, "error")
