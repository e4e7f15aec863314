"""logs:report, logs:set: how much is kept of what an app says."""

from paas.commands import report
from paas.model import limits
from paas.model.limits import show_bytes


def size(text: str) -> str:
    """A size as it was written, once it is one."""
    limits.log_bytes(text)
    return text


report.register(
    report.Namespace(
        "logs",
        "logs",
        "how much is kept of what apps say",
        lambda context, _: {"files": str(context.platform.settings.log_files)},
        properties=(
            report.Property(
                "max-size",
                "how large one file of a process's log becomes before the next is begun, as "
                "10m or unlimited; `files` of them are kept",
                size,
                lambda context: shortest(context.platform.settings.log_max_bytes),
            ),
        ),
        after_set="Processes take it when they next start",
    )
)


def shortest(amount: int) -> str:
    """`10m`: as max-size is written."""
    return show_bytes(amount).replace(" ", "").removesuffix("iB").lower()
