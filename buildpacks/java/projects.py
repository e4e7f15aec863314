"""What kind of Java project it is, by its files."""

import os
import re

from java import version

GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
# with one of these, a jar beside it is somebody's tool
OTHERS = ("package.json", "index.html", "go.mod", "Cargo.toml", "composer.json", "Gemfile")
WRAPPERS = {"maven": "mvnw", "gradle": "gradlew"}
PACKAGING = re.compile(r"<packaging>\s*war\s*</packaging>")
WAR_PLUGIN = re.compile(
    r"""(?:id\s*\(?\s*["']war["']|apply\s+plugin:\s*["']war["']|^\s*war\s*$)""", re.MULTILINE
)
OLD_SERVLETS = re.compile(r"javax\.servlet")
NEW_SERVLETS = re.compile(r"jakarta\.(?:servlet|platform)")
# what serves a war: of Maven's repository, and for which servlets
JETTY = "org.eclipse.jetty.ee10:jetty-ee10-runner:12.0.31"
WEBAPP_RUNNER = "com.heroku:webapp-runner:9.0.89.0"


def seen(root: str) -> list[str]:
    """The files by which it is a Java app."""
    names = [name for name in ("pom.xml", *GRADLE, "gradlew") if exists(root, name)]
    if names or any(exists(root, name) for name in OTHERS):
        return names
    return committed(root)


def committed(root: str) -> list[str]:
    """Archives that were built elsewhere."""
    names = sorted(item.name for item in os.scandir(root) if item.is_file(follow_symlinks=False))
    return [name for name in names if name.endswith((".jar", ".war"))]


def exists(root: str, name: str) -> bool:
    return os.path.isfile(os.path.join(root, name))


def tool(root: str) -> str:
    """maven, gradle, or nothing for an archive that is there already."""
    if exists(root, "pom.xml"):
        return "maven"
    return "gradle" if any(exists(root, name) for name in (*GRADLE, "gradlew")) else ""


def builds(root: str) -> bool:
    return tool(root) != ""


def has_wrapper(root: str, name: str) -> bool:
    return exists(root, WRAPPERS[name])


def needs_maven(root: str) -> bool:
    return tool(root) == "maven" and not has_wrapper(root, "maven")


def build_texts(root: str) -> list[str]:
    """Build files of the project and of modules one level below."""
    folders = ["", *(item.name for item in os.scandir(root) if item.is_dir(follow_symlinks=False))]
    names = [os.path.join(folder, name) for folder in folders for name in ("pom.xml", *GRADLE[:2])]
    return [text for name in names if (text := version.read(root, name))]


def makes_war(root: str) -> bool:
    if not builds(root):
        return any(name.endswith(".war") for name in committed(root))
    return any(PACKAGING.search(text) or WAR_PLUGIN.search(text) for text in build_texts(root))


def servlets(root: str) -> str:
    """Jetty, unless the project is for servlets as they were before Jakarta."""
    texts = build_texts(root)
    old = any(OLD_SERVLETS.search(text) for text in texts)
    return WEBAPP_RUNNER if old and not any(NEW_SERVLETS.search(t) for t in texts) else JETTY
