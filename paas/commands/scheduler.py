"""scheduler and scheduler-docker-local: how containers are started, under dokku's names."""

from paas.commands import report
from paas.commands.parameters import one_of, whole_number
from paas.deploy.boot import AT_ONCE
from paas.errors import PaasError, UsageError

HERE = "docker-local"
ELSEWHERE = {
    "k3s": "there is no cluster behind this instance",
    "kubernetes": "there is no cluster behind this instance",
    "nomad": "there is no cluster behind this instance",
    "null": "to build without deploying: paas ps:set APP skip-deploy true",
}
AFTER = "Processes take it when they next start"


def scheduler(text: str) -> str:
    """The one there is, by dokku's name for it."""
    if text == HERE:
        return text
    if text in ELSEWHERE:
        raise PaasError(f"the scheduler {text} is not supported", ELSEWHERE[text])
    raise UsageError(f"{text[:80]!r} is no scheduler", f"known: {HERE}")


def program(text: str) -> str:
    """An absolute path in the container, and nothing besides."""
    if text.startswith("/") and not text.endswith("/") and not text.split()[1:]:
        return text
    raise UsageError(f"{text[:80]!r} is not a program", "give its path, such as /bin/bash")


report.register(
    report.Namespace(
        "scheduler",
        "scheduler",
        "what starts containers",
        properties=(
            report.Property(
                "selected",
                f"what starts containers: {HERE}, this server's own engine",
                scheduler,
                lambda _: HERE,
            ),
            report.Property(
                "shell",
                "what `enter` starts where no command is given; unset: bash where there is one",
                program,
                lambda _: "/bin/bash or /bin/sh",
            ),
        ),
    )
)
report.register(
    report.Namespace(
        "scheduler-docker-local",
        "scheduler-docker-local",
        "how containers are started",
        properties=(
            report.Property(
                "init-process",
                "whether a container's first process is an init, which passes signals on and "
                "buries the dead; false for images that bring their own",
                one_of("true", "false"),
                lambda _: "true",
            ),
            report.Property(
                "parallel-schedule-count",
                "web first, and then how many other process types start side by side; "
                "unset: all of them, web too",
                whole_number(1, AT_ONCE, "process types"),
            ),
        ),
        after_set=AFTER,
    )
)
