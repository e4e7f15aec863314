"""Why Composer failed, in one line, from what it said."""

from lifecycle import explain
from lifecycle.say import Failure

LOCK = "run composer update, and commit composer.lock"
REASONS: tuple[explain.Reason, ...] = (
    (
        r"Required (?:\(in require\) )?package \"([^\"]+)\" is not present in the lock file",
        "composer.lock does not fit composer.json: it has no {0}",
        LOCK,
    ),
    (
        r"Required (?:\(in require\) )?package \"([^\"]+)\" is in the lock file as \"([^\"]+)\"",
        "composer.lock does not fit composer.json: it has {0} {1}",
        LOCK,
    ),
    (
        r"requires php (\S.*?) (?:->|but) your php version \(([^)]+)\)",
        "a package or the app wants PHP {0}, and this is PHP {1}",
        "loosen php in composer.json, or update the package, and commit composer.lock",
    ),
    (
        r"requires (?:PHP extension )?(ext-[\w-]+) \S* ?(?:->|but) it is missing",
        "a package wants {0}, which is not there",
        "require {0} in composer.json and run composer update",
    ),
    (
        r"(?:Could not find|There is no) (?:a )?(?:matching version of )?package (\S+)",
        "there is no package {0}",
        "correct its name or version in composer.json, and commit composer.lock",
    ),
    (
        r"Could not scan for classes inside \"([^\"]+)\"",
        "the autoloader of composer.json names {0}, which is not in the repository",
        "commit it, or correct the path",
    ),
    (
        r"(?:composer\.(?:json|lock)\W+)?does not contain valid JSON\s+(.*)",
        "composer.json or composer.lock is not valid JSON: {0}",
        "correct it and push again",
    ),
    (
        r"The checksum verification of the file failed",
        "a package is not what composer.lock was made with",
        LOCK,
    ),
    (
        r"curl error (?:6|7|28|35|56|60)|Could not resolve host|could not be downloaded",
        "a package could not be downloaded",
        "commit vendor/, or set PACKAGIST_MIRROR_URL to a mirror that this machine reaches",
    ),
    (
        r"Could not authenticate against (\S+)|(?:HTTP/\S+ |status code )40[13]",
        "a package needs a password {0}",
        'set COMPOSER_AUTH in the app\'s config: {{"http-basic": ...}}',
    ),
)


def composer(output: str) -> Failure:
    """The Failure for what Composer printed."""
    return explain.tool("Composer", output, REASONS, r"(?:Fatal error|\[\w*Exception\]|- )")
