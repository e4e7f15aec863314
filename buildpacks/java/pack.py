"""The Java buildpack: Maven, Gradle or a committed archive; a JDK for the build, a JRE to run.

Both come from Debian and are layers that all apps share. What Maven and Gradle fetch
stays in the app's cache and is used where it is.
"""

from typing import Any

from lifecycle import debian

from java import archives, build, install, processes, projects, version

LANGUAGE = "Java"
LOOKS_FOR = "pom.xml, build.gradle, gradlew, or a .jar or .war"
LAYERS = {"maven": install.maven, "servlets": install.servlets}


def detect(root: str) -> list[str]:
    """The files that make this a Java app; none when it is not one."""
    return projects.seen(root)


def plan(root: str, config: dict[str, str]) -> list[dict[str, Any]]:
    """The JRE, what serves a war, and for the build the JDK and Maven."""
    wanted = version.wanted(root)
    layers = debian.layer([f"openjdk-{wanted.major}-jre-headless"])
    if projects.makes_war(root):
        layers.append({**planned("servlets", projects.servlets(root), config), "build_only": False})
    if projects.builds(root):
        layers += debian.layer([f"openjdk-{wanted.major}-jdk-headless"], build_only=True)
    if projects.needs_maven(root):
        layers.append({**planned("maven", version.maven(root), config), "build_only": True})
    return layers


def planned(name: str, runtime: str, config: dict[str, str]) -> dict[str, Any]:
    """A layer with a file of Maven's repository, the same for all apps without one of their own."""
    return {
        "name": name,
        "pack": "java",
        "runtime": runtime,
        "files": [],
        "provides": [f".heroku/{name}"],
        "shared": install.MIRROR not in config,
        "variables": [install.MIRROR],
    }


def compile(root: str, cache: str, config: dict[str, str], environment: dict[str, str]) -> None:  # noqa: A001 - the contract's word
    """Run the build, and leave what every JVM of the app shall know of its limits."""
    build.build(root, cache, config, environment)
    processes.write_profile(root)


def release(root: str, config: dict[str, str]) -> dict[str, Any]:
    """The archive that can be run."""
    return {"default_process_types": archives.default_processes(root)}


def environment(root: str, config: dict[str, str]) -> dict[str, str]:
    return {"JAVA_HOME": version.home(version.wanted(root).major)}
