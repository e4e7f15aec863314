""".slugignore: files of the repository that the app does not need (tests, documents).

Heroku's rules (devcenter: slug-compiler): git's patterns without negation; a
pattern with an inner slash is taken from the root.
"""

import os
import re
import shutil

from lifecycle.say import Failure

FILE = ".slugignore"


def apply(root: str) -> int:
    """Remove what the patterns match and return how many files and folders that were."""
    try:
        with open(os.path.join(root, FILE), errors="replace") as file:
            patterns = [compiled(line.strip()) for line in file if pattern(line)]
    except (FileNotFoundError, IsADirectoryError):
        return 0
    return prune(root, "", patterns) if patterns else 0


def pattern(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith(("#", "!"))


def prune(root: str, below: str, patterns: list[re.Pattern[str]]) -> int:
    removed = 0
    for item in list(os.scandir(os.path.join(root, below))):
        folder = item.is_dir(follow_symlinks=False)
        path = f"{below}{item.name}"
        named = f"{path}/" if folder else path
        if any(expression.fullmatch(named) for expression in patterns):
            shutil.rmtree(item.path) if folder else os.unlink(item.path)
            removed += 1
        elif folder:
            removed += prune(root, f"{path}/", patterns)
    return removed


def compiled(text: str) -> re.Pattern[str]:
    """One pattern as a regular expression over `a/b` for files and `a/b/` for folders."""
    only_folders = text.endswith("/")
    body = text.strip("/")
    anchored = "/" in text.rstrip("/")
    expression = re.sub(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", translated, body, flags=re.DOTALL)
    whole = ("" if anchored else "(?:.*/)?") + expression + ("/" if only_folders else "/?")
    try:
        return re.compile(whole)
    except re.error as error:
        raise Failure(f".slugignore has a bad pattern: {text[:200]}", "correct it") from error


def translated(match: re.Match[str]) -> str:
    token = match[0]
    wildcards = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in wildcards:
        return wildcards[token]
    if token.startswith("[") and len(token) > 2:
        return token.replace("[!", "[^", 1).replace("\\", "\\\\")
    return re.escape(token)
