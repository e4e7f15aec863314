"""Why Maven or Gradle failed, in one line, from what they said."""

from lifecycle import explain
from lifecycle.say import Failure

from java import version

NUMBERS = " or ".join(str(major) for major in version.AVAILABLE)
JAVA = f"write java.runtime.version in {version.PROPERTIES}: {NUMBERS}"
MEMORY = "raise build_memory_bytes in the settings"
# what the compiler and the JVM say under either tool
COMMON: tuple[explain.Reason, ...] = (
    (
        r"(?:release version|invalid target release:|invalid source release:) ?(\d+)",
        "the project is compiled for Java {0}, which this Java does not know",
        JAVA,
    ),
    (
        r"Unsupported class file major version (\d+)",
        "a tool of the build does not know this Java (class files of version {0})",
        f"use a newer release of it, or {JAVA}",
    ),
    (
        r"OutOfMemoryError|GC overhead limit|There is insufficient memory|exit (?:value|code) 137",
        "the build ran out of memory",
        MEMORY,
    ),
    (
        r"PKIX path building failed",
        "the repository's certificate is not trusted",
        "have the machine trust its authority: builds trust whom the machine trusts",
    ),
)
MAVEN: tuple[explain.Reason, ...] = (
    (
        r"Non-(?:parseable|readable) POM /app/(\S+?):? (.*?)(?: @|\n)",
        "{0} cannot be read: {1}",
        "correct it and push again",
    ),
    (
        r"Malformed POM /app/(\S+?): (.*?)(?: @|\n)",
        "{0} cannot be read: {1}",
        "correct it and push again",
    ),
    (
        r"'dependencies\.dependency\.version' for (\S+?):jar is missing",
        "pom.xml names no version for {0}",
        "add one, or a parent or BOM that has it",
    ),
    (
        r"(?:Could not find artifact|Failure to find|artifact) (\S+) (?:was not found )?in (\S+)",
        "there is no artifact {0} in the repository {1}",
        "correct its name or version in pom.xml, or add the repository that has it",
    ),
    (
        r"Unknown lifecycle phase \"([^\"]+)\"",
        "Maven knows no goal {0}",
        "correct MAVEN_CUSTOM_GOALS with config:set",
    ),
    (
        r"No plugin found for prefix '([^']+)'",
        "Maven knows no plugin {0}",
        "correct MAVEN_CUSTOM_GOALS with config:set, or add the plugin to pom.xml",
    ),
    (
        r"Child module /app/(\S+?) of /app/\S+ does not exist",
        "pom.xml names the module {0}, which is not in the repository",
        "commit it, or correct the name",
    ),
    (
        r"Unable to find (?:a )?main class",
        "the app has no class with a main method, so nothing to run",
        "add one, or name it in the plugin's <mainClass>",
    ),
    (
        r"There are test failures|Tests run: \d+, Failures: [1-9]",
        "tests of the app failed",
        "mend them, or leave tests out with MAVEN_CUSTOM_OPTS=-DskipTests",
    ),
    (
        r"ERROR\] /app/(\S+\.(?:java|kt|scala)):\[?(\d+)[^\]\n]*\]? (.*)",
        "the app does not compile: {0}:{1}: {2}",
        "see the lines above",
    ),
    (
        r"Could not transfer artifact (\S+) from/to \S+ \((\S+)\)",
        "the repository {1} could not be reached",
        "try again; if it lasts, set MAVEN_MIRROR_URL to a mirror that this machine reaches",
    ),
    *COMMON,
)
GRADLE: tuple[explain.Reason, ...] = (
    (
        (
            r"Could not find or load main class org\.gradle\.wrapper\.GradleWrapperMain"
            r"|Unable to access jarfile \S*gradle-wrapper\.jar"
        ),
        "gradle/wrapper/gradle-wrapper.jar is not in the repository",
        "commit it: git add -f gradle/wrapper/gradle-wrapper.jar",
    ),
    (
        (
            r"Downloading (\S+)[\s\S]*?(?:UnknownHost|Connect|FileNotFound|SocketTimeout"
            r"|Server returned HTTP response code)"
        ),
        "Gradle could not be fetched from {0}",
        "set GRADLE_DISTRIBUTION_URL to a file or folder with it that this machine reaches",
    ),
    (
        r"Could not find (\S+:\S+:\S+)\.\s+Searched in",
        "there is no artifact {0} in the project's repositories",
        "correct its name or version, or add the repository that has it",
    ),
    (
        r"Plugin \[id: '([^']+)'[^\]]*\] was not found",
        "there is no Gradle plugin {0}",
        "correct its name or version, or name its repository in pluginManagement",
    ),
    (
        r"Task '([^']+)' not found in",
        "Gradle knows no task {0}",
        "correct GRADLE_TASK with config:set",
    ),
    (
        r"/app/(\S+\.(?:java|kt|groovy|scala)):(\d+)(?::\d+)?:? (?:error: )?(.*)",
        "the app does not compile: {0}:{1}: {2}",
        "see the lines above",
    ),
    (
        r"Build file '/app/(\S+)' line: (\d+)[\s\S]*?What went wrong:\s+(.*)",
        "{0} fails in line {1}: {2}",
        "correct it and push again",
    ),
    *COMMON,
)


def maven(output: str) -> Failure:
    """The Failure for what Maven printed."""
    return explain.tool("Maven", output, MAVEN, r"\[ERROR\]")


def gradle(output: str) -> Failure:
    """The Failure for what Gradle printed."""
    return explain.tool("Gradle", output, GRADLE, r"> ")
