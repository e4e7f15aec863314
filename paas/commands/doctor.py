"""doctor: whether this machine still has everything the platform stands on."""

from paas.commands.context import Context
from paas.commands.parameters import format_option
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.doctor import examination
from paas.doctor.finding import as_json, as_lines, failures, summary


@command("doctor", Permission.ADMIN)
@format_option
def doctor(context: Context, format_: str) -> int:
    """Examine the machine: system, kernel features, ports, programs and their versions.

    Exits with 1 when something stands in the way; every finding that is not ok
    says what to do about it.
    """
    findings = examination.whole(context.platform.settings, context.platform.runner)
    lines = [as_json(findings)] if format_ == "json" else [*as_lines(findings), summary(findings)]
    for line in lines:
        context.console.line(line)
    return 1 if failures(findings) else 0
