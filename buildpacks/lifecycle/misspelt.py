"""Files whose names are nearly those that say how an app is built, and so are not read.

Where nothing fits, the likeliest slip is named; where something does, what is passed
over is told, since the app would be built without it.
"""

import os

from lifecycle import say

# what packs and the platform read at the top of an app
KNOWN = (
    "Procfile", "app.json", "requirements.txt", "pyproject.toml", "Pipfile", "Pipfile.lock",
    "poetry.lock", "uv.lock", "runtime.txt", "manage.py", "package.json", "package-lock.json",
    "yarn.lock", "pnpm-lock.yaml", "deno.json", "go.mod", "Cargo.toml", "Cargo.lock", "pom.xml",
    "build.gradle", "Gemfile", "Gemfile.lock", "composer.json", "index.html", "index.php",
    "static.json", "Aptfile", "Dockerfile", ".buildpacks", ".slugignore", "CHECKS",
)  # fmt: skip
# those that make an app, for a look into folders
MAKING = {
    "requirements.txt", "pyproject.toml", "Pipfile", "package.json", "deno.json", "go.mod",
    "Cargo.toml", "pom.xml", "build.gradle", "Gemfile", "composer.json", "index.html", "Procfile",
}  # fmt: skip
# an editor's slip; and names that are meant for people, where nothing else fits
SLIPS, SAMPLES = (".txt",), (".md", ".example", ".sample", ".bak", ".orig", ".dist")
# names so much their own that what is nearly one of them is no other word
UNMISTAKABLE = {
    "Procfile", "requirements.txt", "pyproject.toml", "Pipfile", "Pipfile.lock", "package.json",
    "package-lock.json", "pnpm-lock.yaml", "Cargo.toml", "build.gradle", "Gemfile",
    "Gemfile.lock", "composer.json", "Aptfile", "Dockerfile",
}  # fmt: skip
LACKING = (
    (".py", "there are Python files: name what they need in requirements.txt (or nothing)"),
    (".js", "there are JavaScript files: npm init makes a package.json"),
    (".ts", "there are TypeScript files: npm init makes a package.json"),
    (".rb", "there are Ruby files: bundle init makes a Gemfile"),
    (".html", "there are pages, but no index.html"),
)
NEAR = 0.9
FOLDERS = 200


def slips(root: str, *, samples: bool = False) -> list[tuple[str, str]]:
    """Files at the top whose names are nearly known ones that are not there: (name, meant).

    samples: also those that are written for people, such as app.json.example.
    """
    names = [item.name for item in os.scandir(root) if item.is_file(follow_symlinks=False)]
    missing = [name for name in KNOWN if name not in names]
    strangers = sorted(name for name in names if name not in KNOWN)
    endings = (*SLIPS, *SAMPLES) if samples else SLIPS
    return [(name, meant) for name in strangers if (meant := nearest(name, missing, endings))]


def nearest(name: str, missing: list[str], endings: tuple[str, ...]) -> str:
    """The missing file that a name was meant to be, "" when it is none."""
    for known in missing:
        if name.lower() == known.lower() or letters(name) == letters(known):
            return known
        if any(name.lower() == known.lower() + ending for ending in endings):
            return known
    import difflib  # noqa: PLC0415 - most apps' other files are few, but every build asks

    # a name of another kind (requirements.in, main.go) is none
    kind = os.path.splitext(name)[1]
    same_kind = [one for one in missing if one in UNMISTAKABLE and os.path.splitext(one)[1] == kind]
    close = difflib.get_close_matches(name, same_kind, 1, NEAR)
    return close[0] if close else ""


def letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def warn(root: str) -> None:
    """Tell which files are passed over."""
    for name, meant in slips(root):
        say.warning(f"{name} is not read: what is read is called {meant}")
        say.warning(f"if that is what it is: git mv {name} {meant}")


def guess(root: str) -> str:
    """Why nothing fits, as far as one can guess; "" when one cannot."""
    for name, meant in slips(root, samples=True):
        if meant in MAKING or meant == "Procfile":
            return f"{name} should probably be called {meant}: git mv {name} {meant}"
    if os.path.isfile(os.path.join(root, "bin/compile")):
        return "there is a bin/compile: to have it build the app: paas buildpacks:set <app> inline"
    within = [name for name in folders(root) if MAKING & set(os.listdir(os.path.join(root, name)))]
    if within:
        found = ", ".join(f"{name}/" for name in within[:5])
        return f"there is an app in {found}: paas builder:set <app> build-dir {within[0]}"
    return without_manifest(root)


def without_manifest(root: str) -> str:
    """What an app of files alone lacks, by the kind of its files; "" when that says nothing."""
    kinds = {os.path.splitext(item.name)[1] for item in os.scandir(root) if item.is_file()}
    return next((advice for kind, advice in LACKING if kind in kinds), "")


def folders(root: str) -> list[str]:
    """Folders at the top and in those, as far as an app may be in them."""
    found = []
    for item in sorted(os.scandir(root), key=lambda one: one.name)[:FOLDERS]:
        if item.is_dir(follow_symlinks=False) and not item.name.startswith("."):
            found.append(item.name)
            inner = sorted(os.scandir(item.path), key=lambda one: one.name)[:FOLDERS]
            found += [
                f"{item.name}/{one.name}"
                for one in inner
                if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")
            ]
    return sorted(found, key=lambda name: (name.count("/"), name))
