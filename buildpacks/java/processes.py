"""What a JVM shall know of the container it is in, which it cannot see on every machine."""

import os

PROFILE = ".profile.d/java.sh"
# of the container's memory for the heap; the rest is for classes, threads and buffers
HEAP_PERCENT = 60
SERVER_MIB = 2048  # a JVM of its own choice takes the parallel collectors from here on
SCRIPT = f"""\
# made by the Java buildpack: the heap follows the container's memory; JAVA_TOOL_OPTIONS and
# JAVA_OPTS of the app's config have the last word
paas_java="-XX:MaxRAMPercentage={HEAP_PERCENT} -XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8"
if [[ -n ${{MEMORY_AVAILABLE:-}} ]]; then
    paas_java="-XX:MaxRAM=${{MEMORY_AVAILABLE}}m $paas_java"
    if ((MEMORY_AVAILABLE < {SERVER_MIB})); then paas_java="-XX:+UseSerialGC $paas_java"; fi
fi
export JAVA_TOOL_OPTIONS="$paas_java ${{JAVA_TOOL_OPTIONS:-}}"
unset paas_java
"""


def write_profile(root: str) -> None:
    """The script that launch sources before every process of the app."""
    path = os.path.join(root, PROFILE)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(SCRIPT)


def build_flags(base: dict[str, str]) -> list[str]:
    """For the build's own JVM: its share of the build's memory, and a quick start."""
    memory = base.get("MEMORY_AVAILABLE", "")
    limit = [f"-XX:MaxRAM={memory}m"] if memory.isdigit() else []
    return [
        *limit,
        f"-XX:MaxRAMPercentage={HEAP_PERCENT}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
    ]
