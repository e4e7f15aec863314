"""What a build made: which archive can be run, and how."""

import os
import re
import zipfile
from collections.abc import Iterator

from lifecycle import say

from java import install, projects

BESIDES = re.compile(r"(-(sources|javadoc|tests|test-sources|plain)\.jar|^original-.*\.jar)$")
FOLDERS = ("target", os.path.join("build", "libs"))
QUARKUS = (os.path.join("target", "quarkus-app"), os.path.join("build", "quarkus-app"))
MAIN = re.compile(r"^Main-Class: *(\S+)", re.MULTILINE)


def default_processes(root: str) -> dict[str, str]:
    """{"web": command}; nothing, with a line that says why, when it is not clear which."""
    if projects.exists(root, "Procfile"):
        return {}
    for folder in QUARKUS:
        path = os.path.join(folder, "quarkus-run.jar")
        if projects.exists(root, path):
            return {"web": f"java -Dquarkus.http.port=$PORT $JAVA_OPTS -jar {path}"}
    found = list(archives(root))
    runnable = [path for path in found if main_class(os.path.join(root, path))]
    wars = [path for path in found if path.endswith(".war") and path not in runnable]
    if len(runnable) == 1:
        return {"web": f"java -Dserver.port=$PORT $JAVA_OPTS -jar {runnable[0]}"}
    if not runnable and len(wars) == 1:
        return {"web": f"java $JAVA_OPTS -jar {install.SERVLETS} --port $PORT {wars[0]}"}
    explain(found, runnable or wars)
    return {}


def explain(found: list[str], several: list[str]) -> None:
    if several:
        say.warning(f"no web process: any of {', '.join(several[:5])} could be one,")
        say.warning(f"so write a Procfile, such as: web: java -jar {several[0]}")
    elif found:
        say.warning(f"no web process: {found[0]} has no Main-Class in its manifest; name it there,")
        say.warning(f"or write a Procfile, such as: web: java -cp {found[0]} com.example.Main")
    else:
        say.warning("no web process: the build left no .jar or .war in target/ or build/libs/")


def archives(root: str) -> Iterator[str]:
    """Paths of the jars and wars of the project and of its modules, or of the repository."""
    if not projects.builds(root):
        yield from projects.committed(root)
        return
    modules = ["", *sorted(i.name for i in os.scandir(root) if i.is_dir(follow_symlinks=False))]
    for folder in (os.path.join(module, name) for module in modules for name in FOLDERS):
        path = os.path.join(root, folder)
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else ():
            if name.endswith((".jar", ".war")) and not BESIDES.search(name):
                yield os.path.join(folder, name)


def main_class(path: str) -> str:
    """The class that `java -jar` would run; "" when there is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read("META-INF/MANIFEST.MF").decode(errors="replace")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return ""
    match = MAIN.search(text)
    return match[1] if match else ""
