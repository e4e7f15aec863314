"""Mail of jobs: what is sent, to whom, and what is not."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest

from paas.cron import mail
from paas.cron.rules import rules
from paas.errors import UsageError
from paas.model.app import App
from paas.model.job import JobRun, State
from paas.platform import Platform
from paas.settings import Settings
from tests.cron.conftest import NOON, serve

SENDMAIL = """#!/bin/sh
printf '%s\\n' "$@" > {0}.argv
cat > {0}
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    from dataclasses import replace

    return replace(settings, sendmail=str(tmp_path / "sendmail"))


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    program = tmp_path / "sendmail"
    program.write_text(SENDMAIL.format(tmp_path / "mail"))
    program.chmod(0o755)
    return tmp_path / "mail"


@pytest.fixture
def app(platform: Platform) -> App:
    app = serve(platform, "blog", {})
    platform.store.properties.set(None, "cron", "mailto", "ops@example.com")
    platform.store.properties.set(app, "cron", "mailfrom", "paas@example.com")
    return app


def ended(platform: Platform, app: App, text: str, state: State = State.FAILED) -> JobRun:
    """A run that wrote something."""
    log = platform.logs.directory(app.name) / "cron.1.abcdefghij.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    stamp = "2026-05-04T12:00:00.000000000+00:00 stdout F "
    log.write_text("".join(f"{stamp}{line}\n" for line in text.splitlines()))
    words = "exited with code 3" if state is State.FAILED else "exited with code 0"
    return JobRun(7, app.id, "job", state, NOON, NOON, NOON, "abcdefghij", "cron.1", 3, words)


def test_what_a_job_wrote_is_mailed_with_how_it_ended(platform: Platform, app: App, sent: Path):
    run = ended(platform, app, "one\n\x1b[31mtwo\nBcc: all@example.com")
    mail.of_run(platform, app, run, rules(platform, app))
    letter = message_from_bytes(sent.read_bytes(), policy=policy.default)
    assert letter["To"] == "ops@example.com"
    assert letter["Subject"] == "blog: job job exited with code 3"
    assert letter["Bcc"] is None
    text = letter.get_content()
    assert "one\ntwo\nBcc: all@example.com" in text
    argv = Path(f"{sent}.argv").read_text().split("\n")[:-1]
    assert argv == ["-oi", "-f", "paas@example.com", "--", "ops@example.com"]


def test_a_job_that_went_well_and_wrote_nothing_is_not_mailed(
    platform: Platform, app: App, sent: Path
):
    mail.of_run(platform, app, ended(platform, app, "", State.SUCCEEDED), rules(platform, app))
    assert not sent.exists()
    mail.of_run(platform, app, ended(platform, app, ""), rules(platform, app))
    assert sent.exists()


def test_a_server_without_sendmail_says_so_in_the_apps_log(platform: Platform, app: App):
    mail.of_run(platform, app, ended(platform, app, "x"), rules(platform, app))
    assert "no mail is sent" in mail.problem(platform)
    assert any("no mail is sent" in line.text for line in platform.logs.read("blog", "paas"))


@pytest.mark.parametrize(
    "text", ["-oQ/tmp", "a b@example.com", "a@b\nBcc: c@d", "", "x" * 400, "a@b,c@d", "|id"]
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(UsageError):
        mail.address(text)
