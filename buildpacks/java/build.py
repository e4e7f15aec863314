"""Running Maven or Gradle, by the project's wrapper where it has one."""

import os
import re
import shlex
from xml.sax.saxutils import escape

from lifecycle import child, config, say
from lifecycle.say import Failure

from java import install, processes, projects, reasons, trust, version

MIRROR_SETTINGS = """\
<settings><mirrors><mirror>
  <id>mirror</id><mirrorOf>*</mirrorOf><url>{}</url>
</mirror></mirrors></settings>
"""
GRADLE_URL = "GRADLE_DISTRIBUTION_URL"
WRAPPER = "gradle/wrapper/gradle-wrapper"
STAGE = re.compile(r"""(?:^|\W)task\s+stage\b|register\(?\s*["']stage["']|["']stage["']""")


def build(root: str, cache: str, variables: dict[str, str], base: dict[str, str]) -> None:
    """Build with the project's tool. Failure in the user's words when it fails."""
    version.say_which(root)
    tool = projects.tool(root)
    if not tool:
        return
    variables = config.exported(variables)
    environment = {**base, **variables, "JAVA_HOME": version.home(version.wanted(root).major)}
    flags = [*processes.build_flags(base), *trust.options(cache, environment)]
    if tool == "maven":
        maven(root, cache, variables, environment, flags)
    else:
        gradle(root, cache, variables, environment, flags)


# -- Maven -----------------------------------------------------------------------------


def maven(
    root: str, cache: str, variables: dict[str, str], environment: dict[str, str], flags: list[str]
) -> None:
    wrapped = projects.has_wrapper(root, "maven")
    program = (
        child.executable(os.path.join(root, "mvnw")) if wrapped else [f"{install.MAVEN}/bin/mvn"]
    )
    goals = shlex.split(variables.get("MAVEN_CUSTOM_GOALS", "package"))
    options = shlex.split(variables.get("MAVEN_CUSTOM_OPTS", "-DskipTests"))
    say.step(f"Building with Maven: {' '.join([*options, *goals])}")
    argv = [
        *program,
        "-B",
        "-ntp",
        f"-Dmaven.repo.local={cache}/java/maven",
        *settings(root, variables),
    ]
    done = child.run([*argv, *options, *goals], maven_environment(cache, environment, flags), root)
    if done.status:
        raise reasons.maven(done.output)


def maven_environment(cache: str, environment: dict[str, str], flags: list[str]) -> dict[str, str]:
    own = environment.get("MAVEN_OPTS", "")
    found = {
        **environment,
        "MAVEN_OPTS": " ".join([*flags, own]).strip(),
        "MAVEN_USER_HOME": f"{cache}/java/wrapper",
    }
    if mirror := environment.get(install.MIRROR):
        found.setdefault("MVNW_REPOURL", mirror.rstrip("/"))
    return found


def settings(root: str, variables: dict[str, str]) -> list[str]:
    """The app's settings.xml, and the mirror that config names."""
    argv = []
    path = variables.get("MAVEN_SETTINGS_PATH", "settings.xml")
    if projects.exists(root, path):
        argv += ["-s", path]
    elif "MAVEN_SETTINGS_PATH" in variables:
        raise Failure(
            f"MAVEN_SETTINGS_PATH names {path}, which is not in the repository",
            "commit the file, or correct the variable with config:set",
        )
    if mirror := variables.get(install.MIRROR) or os.environ.get(install.MIRROR):
        with open("/tmp/mirror.xml", "w") as file:
            file.write(MIRROR_SETTINGS.format(escape(mirror)))
        argv += ["-gs", "/tmp/mirror.xml"]
    return argv


# -- Gradle ----------------------------------------------------------------------------


def gradle(
    root: str, cache: str, variables: dict[str, str], environment: dict[str, str], flags: list[str]
) -> None:
    if not projects.has_wrapper(root, "gradle"):
        raise Failure(
            "there is no Gradle wrapper",
            "run gradle wrapper, and commit gradlew and gradle/wrapper/ (the .jar too)",
        )
    use_distribution(root, variables.get(GRADLE_URL) or os.environ.get(GRADLE_URL, ""))
    tasks = shlex.split(variables.get("GRADLE_TASK", "")) or default_tasks(root)
    say.step(f"Building with Gradle: {' '.join(tasks)}")
    argv = [
        *child.executable(os.path.join(root, "gradlew")),
        *tasks,
        "--no-daemon",
        "--console=plain",
    ]
    argv.append(f"-Dorg.gradle.jvmargs={' '.join(flags)}")
    own = environment.get("GRADLE_OPTS", "")
    done = child.run(
        argv,
        {
            **environment,
            "GRADLE_USER_HOME": f"{cache}/java/gradle",
            "GRADLE_OPTS": " ".join([*flags, own]).strip(),
        },
        root,
    )
    if done.status:
        raise reasons.gradle(done.output)


def default_tasks(root: str) -> list[str]:
    """Heroku's: `stage` where it is defined, else all but the tests."""
    texts = projects.build_texts(root)
    if any(STAGE.search(text) for text in texts):
        return ["stage"]
    return ["build", "-x", "check"]


def use_distribution(root: str, address: str) -> None:
    """Have the wrapper fetch Gradle from another place: a file's address, or a folder's."""
    path = os.path.join(root, f"{WRAPPER}.properties")
    if not address or not os.path.isfile(path):
        return
    with open(path, errors="replace") as file:
        text = file.read()
    match = re.search(r"^distributionUrl=(.*)$", text, re.MULTILINE)
    if match is None:
        return
    name = match[1].strip().rpartition("/")[2]
    whole = address if address.endswith(".zip") else f"{address.rstrip('/')}/{name}"
    escaped = whole.replace(":", "\\:")
    with open(path, "w") as file:
        file.write(text.replace(match[0], f"distributionUrl={escaped}"))
