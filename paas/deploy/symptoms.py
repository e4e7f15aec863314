"""What the last words of a process that would not start say is missing, and how to mend it."""

import re
from collections.abc import Sequence

NODE_PACKAGE = (
    "the package {0} is not in the image: the image has the dependencies of package.json, not the "
    "devDependencies; npm install {0}, and commit package.json and the lock file"
)
FILE = (
    "the file {0} is not in the image: name one that the repository has or the build makes; "
    "upper and lower case differ here"
)
PYTHON_MODULE = (
    "the module {0} is not in the image: add the package that has it to the dependencies "
    "(requirements.txt or pyproject.toml, and the lock file)"
)
PROGRAM = (
    "the program {0} is not in the image: add the package that has it to the dependencies "
    "(for Node.js: not to the devDependencies)"
)
NODE_SAYS = r"Cannot find (?:module|package) ['\"]((?:@[\w.-]+/)?\w[\w.-]*)(?:/[^'\"]*)?['\"]"
WINDOWS_LINES = (
    "{0} has the line ends of Windows, or a first line that names no program of the image: "
    "turn them with sed -i 's/\\r$//' {0}, and commit"
)
SHELL_SAYS = (
    r"(?:^|\s)(?:/\S+|sh|bash): (?:line \d+: |\d+: )?(?:exec: )?([\w.@/-]+)"
    r": (?:command )?not found$"
)
MODE_SAYS = (
    r"(?:bash|launch): (?:line \d+: )?(?:/app/|\./)([\w/-]+(?:\.(?:sh|bash|py|js|rb))?)"
    r": Permission denied$"
)
# what to look for, what it means; {0} is the first group that matched
MEANINGS = (
    (NODE_SAYS, NODE_PACKAGE),
    (r"Cannot find module ['\"](?:/app/|file:///app/)?([^'\"]+)['\"]", FILE),
    (r"Module not found ['\"](?:file:///app/)?([^'\"]+)['\"]", FILE),
    (r"ModuleNotFoundError: No module named '([\w.]+)'", PYTHON_MODULE),
    (r"can't open file '(?:/app/)?([^']+)': \[Errno 2\]", FILE),
    (r"(?:/app/|\./)?([\w./-]+): cannot execute: required file not found", WINDOWS_LINES),
    (r"(?:/app/|\./)?([\w./-]+): .*bad interpreter: .*(?:\^M|\r)", WINDOWS_LINES),
    (
        MODE_SAYS,
        "{0} is not executable: git update-index --chmod=+x {0}, and commit",
    ),
    (SHELL_SAYS, PROGRAM),
    (
        r"Failed to find attribute '(\w+)' in '([\w.]+)'",
        "{1} has no {0}: name the variable that holds the app, as in gunicorn {1}:{0}",
    ),
    (
        r"listen EACCES.*?:(\d+)",
        "port {0} is for a machine's administrator: listen on the port in the PORT variable",
    ),
)
SYMPTOMS = tuple((re.compile(pattern), meaning) for pattern, meaning in MEANINGS)


def remedy(lines: Sequence[str]) -> str:
    """One sentence for the first line that says what is missing; "" when none does."""
    for line in lines:
        for pattern, meaning in SYMPTOMS:
            if match := pattern.search(line):
                return meaning.format(*[word[:100] for word in match.groups() if word])
    return ""
