"""Mail: what a job wrote, or that it failed, sent by the machine's own sendmail(8).

Of the job's words only text goes into the mail, and none into the command.
"""

import logging
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from paas.console import plain
from paas.cron.rules import Rules
from paas.errors import PaasError, UsageError
from paas.model import moments
from paas.model.app import App
from paas.model.job import JobRun, State
from paas.platform import Platform

if TYPE_CHECKING:
    from email.message import EmailMessage

log = logging.getLogger(__name__)

LINES = 1000
TIMEOUT_S = 60
ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?")


def address(text: str) -> str:
    """An address, or a user of this machine; UsageError when it is neither."""
    if ADDRESS.fullmatch(text):
        return text
    raise UsageError(f"{text[:80]!r} is not a mail address", "give one such as ops@example.com")


def problem(platform: Platform) -> str:
    """Why nothing can be mailed from here; "" when it can."""
    program = Path(platform.settings.sendmail)
    if program.is_file():
        return ""
    return f"no mail is sent: there is no {program} (install a mail server, such as msmtp-mta)"


def of_run(platform: Platform, app: App, run: JobRun, of_app: Rules) -> None:
    """Send what a run wrote, if it wrote anything or failed; what cannot be sent is told."""
    if not of_app.mail_to:
        return
    lines = platform.logs.of_container(app.name, run.container, run.container_id, LINES)
    if not lines and run.state is State.SUCCEEDED:
        return
    if why := problem(platform):
        platform.logs.append(app.name, f"{run.container}: {why}")
        return
    message = letter(app, run, of_app, lines)
    sender = ("-f", of_app.mail_from) if of_app.mail_from else ()
    argv = (platform.settings.sendmail, "-oi", *sender, "--", of_app.mail_to)
    try:
        platform.runner.run(argv, stdin=message.as_bytes(), timeout_s=TIMEOUT_S)
    except PaasError as error:
        log.warning("mail of %s: %s", run.container, error)
        platform.logs.append(app.name, f"{run.container}: no mail was sent: {error.message}")


def letter(app: App, run: JobRun, of_app: Rules, lines: list[str]) -> "EmailMessage":
    """The mail itself."""
    from email.message import EmailMessage  # noqa: PLC0415 - not in a daemon's start
    from email.utils import formatdate  # noqa: PLC0415

    message = EmailMessage()
    message["From"] = of_app.mail_from or f"paas@{socket.gethostname()}"
    message["To"] = of_app.mail_to
    message["Date"] = formatdate()
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834
    message["Subject"] = f"{app.name}: job {run.job_id} {run.words}"[:200]
    due = f"due at {moments.minute(run.due_at)} UTC" if run.due_at else f"run by {run.actor}"
    text = "\n".join(plain(line) for line in lines)
    message.set_content(f"{run.container} of {app.name}, {due}: {run.words}\n\n{text}\n")
    return message
