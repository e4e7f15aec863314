from typing import cast

import pytest

from paas.deploy import entering, terminals
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import ExitStatus, Kind
from paas.platform import Platform
from tests.commands.conftest import Admin, FakeEngine, Recorder, boot
from tests.engines.fake import FakeGuest, FakeProcess


def test_run_carries_the_command_line_and_its_exit_code(
    admin: Admin, deployed: App, oneoff: Recorder
):
    oneoff.answers["run"] = 7
    said = admin("run", "-e", "A=1", "--env", "B=x y", "blog", "--", "sh", "-c", "exit 7", "--help")
    assert said.status == 7
    (name, (app, order, _)) = oneoff.calls[0]
    assert (name, app.name) == ("run", "blog")
    assert order.words == ("sh", "-c", "exit 7", "--help")
    assert (order.environment, order.ttl_s) == ({"A": "1", "B": "x y"}, None)


def test_the_dashes_may_be_left_out_and_flags_stay_the_commands(
    admin: Admin, deployed: App, oneoff: Recorder
):
    admin("run", "--no-tty", "--ttl-seconds", "30", "blog", "ls", "-la", "--quiet")
    _, (_, order, _) = oneoff.calls[0]
    assert (order.words, order.terminal, order.ttl_s) == (("ls", "-la", "--quiet"), None, 30)


@pytest.mark.parametrize(
    "argv",
    [
        ("blog",),
        ("blog", "--"),
        ("-e", "BAD", "blog", "ls"),
        ("-e", "1=2", "blog", "ls"),
        ("--ttl-seconds", "0", "blog", "ls"),
        ("--ttl-seconds", "soon", "blog", "ls"),
    ],
)
@pytest.mark.parametrize("name", ["run", "run:detached"])
def test_a_run_without_sense_starts_nothing(
    admin: Admin, deployed: App, oneoff: Recorder, name: str, argv: tuple[str, ...]
):
    assert admin.fails(name, *argv).status == 2
    assert oneoff.calls == []


def test_a_forced_terminal_is_one_to_be_attached_to(admin: Admin, deployed: App, oneoff: Recorder):
    oneoff.answers["detach"] = "run.1"
    admin.ok("run:detached", "--force-tty", "--cron-id", "abc", "blog", "top")
    order = oneoff.calls[0][1][1]
    assert (order.terminal, order.interactive, order.job_id) == ((24, 80), True, "abc")


@pytest.mark.parametrize("name", ["run", "run:detached"])
def test_an_app_that_was_never_deployed_says_so(admin: Admin, blog: App, name: str):
    assert "has not been deployed yet" in admin.fails(name, "blog", "ls").err


def test_a_detached_run_prints_its_name_alone(admin: Admin, deployed: App, oneoff: Recorder):
    oneoff.answers["detach"] = "run.3"
    assert admin.ok("run:detached", "blog", "sleep", "100") == "run.3\n"


def test_runs_are_listed_without_their_command_lines(
    admin: Admin, platform: Platform, deployed: App
):
    boot(platform, deployed, "run.1", kind=Kind.RUN)
    boot(platform, deployed, "run.2", ExitStatus(3), kind=Kind.RUN)
    said = admin.ok("run:list", "blog")
    assert "run.1  blog  run1xxxxxx  v1       running" in said
    first, second = admin("run:list", "blog", "--format", "json").json()
    assert (first["name"], first["state"]) == ("run.1", "running")
    assert second["state"] == "exited with code 3"
    assert admin.fails("run:list", "nobody").status == 20


def test_a_run_is_stopped_by_its_name(admin: Admin, platform: Platform, deployed: App):
    boot(platform, deployed, "run.1", kind=Kind.RUN)
    admin.ok("run:stop", "blog", "run.1")
    assert admin("run:list", "blog", "--format", "json").json() == []
    assert "no running container run.1" in admin.fails("run:stop", "blog", "run.1").err


def test_all_runs_of_an_app_are_stopped_at_once_and_one_of_any_app_by_its_id(
    admin: Admin, platform: Platform, deployed: App
):
    for name in ("run.1", "run.2", "run.3"):
        boot(platform, deployed, name, kind=Kind.RUN)
    admin.ok("run:stop", "--container", "run2xxxxxx")
    names = [one["name"] for one in admin("run:list", "--format", "json").json()]
    assert names == ["run.1", "run.3"]
    assert admin.ok("run:stop", "blog").count("Stopped") == 2
    assert admin("run:list", "blog", "--format", "json").json() == []
    assert admin.fails("run:stop").status == 2
    assert "run9" in admin.fails("run:stop", "--container", "run9xxxxxx").err
    assert [event.action for event in platform.store.events.list("blog")].count("run") == 3


def test_how_many_may_run_at_once_is_a_property(admin: Admin, deployed: App):
    assert admin.ok("run:report", "blog", "--run-computed-at-once") == "20\n"
    admin.ok("run:set", "blog", "at-once", "3")
    assert admin("run:report", "blog", "--format", "json").json()["computed-at-once"] == "3"
    assert "from 0 to 1000" in admin.fails("run:set", "blog", "at-once", "1001").err


def visit(platform: Platform, name: str) -> FakeGuest:
    """A session in the app's web process."""
    engine = cast("FakeEngine", platform.engine)
    guest = FakeGuest(engine.containers[0], name, FakeProcess(("sleep", "600")))
    engine.inside.append(guest)
    return guest


def test_sessions_are_listed_beside_runs_with_the_container_that_they_are_in(
    admin: Admin, platform: Platform, deployed: App
):
    boot(platform, deployed, "run.1", kind=Kind.RUN)
    guest = visit(platform, "enter.1")
    said = admin.ok("run:list", "blog")
    assert "enter.1  blog  web1xxxxxx  v1       running in web.1" in said
    with terminals.attended.of(entering.key_of(guest)):
        run, session = admin("run:list", "--format", "json").json()
    assert (run["name"], run["container"], run["attended"]) == ("run.1", "run.1", False)
    assert (session["name"], session["container"], session["attended"]) == (
        "enter.1", "web.1", True,
    )  # fmt: skip
    assert session.keys() == run.keys()
    assert "hidden" not in said + str(session)


def test_a_session_is_stopped_by_its_name_or_with_all_runs(
    admin: Admin, platform: Platform, deployed: App
):
    guests = [visit(platform, f"enter.{number}") for number in (1, 2, 3)]
    assert "Stopped enter.2 of blog" in admin.ok("run:stop", "blog", "enter.2")
    assert [one.wait(0) is None for one in guests] == [True, False, True]
    assert "no running container enter.2" in admin.fails("run:stop", "blog", "enter.2").err
    assert admin.ok("run:stop", "blog").count("Stopped") == 2
    assert admin("run:list", "blog", "--format", "json").json() == []


def test_coming_back_to_a_session_takes_a_terminal(admin: Admin, platform: Platform, deployed: App):
    visit(platform, "enter.1")
    assert "has a terminal, and you have none" in admin.fails("run:attach", "blog", "enter.1").err
    assert "no running container enter.2" in admin.fails("run:attach", "blog", "enter.2").err


def test_how_long_a_terminal_waits_for_somebody_is_a_property(admin: Admin, deployed: App):
    assert admin.ok("run:report", "blog", "--run-computed-idle-seconds") == "86400\n"
    admin.ok("run:set", "blog", "idle-seconds", "90")
    assert admin("run:report", "blog", "--format", "json").json()["computed-idle-seconds"] == "90"
    assert "from 1 to 604800" in admin.fails("run:set", "blog", "idle-seconds", "0").err


@pytest.mark.parametrize(
    ("argv", "wanted", "line"),
    [
        (("blog",), None, ()),
        (("blog", "web"), "web", ()),
        (("blog", "web.1", "ps", "-ef"), "web.1", ("ps", "-ef")),
        (("blog", "web", "--", "ps"), "web", ("ps",)),
        (("blog", "--", "ps"), None, ("ps",)),
        (("--container-id", "abcdefghij", "blog", "ps"), "abcdefghij", ("ps",)),
        (("blog", "--container-id", "abcdefghij", "ps"), "abcdefghij", ("ps",)),
        (("blog", "--container-id=abcdefghij"), "abcdefghij", ()),
    ],
)
def test_enter_finds_the_container_and_the_command(
    admin: Admin, deployed: App, oneoff: Recorder,
    argv: tuple[str, ...], wanted: str | None, line: tuple[str, ...],
):  # fmt: skip
    oneoff.answers["enter"] = 5
    assert admin("enter", *argv).status == 5
    assert oneoff.calls[0][1][:3] == ("blog", wanted, line)


def test_entering_what_does_not_run_is_refused(admin: Admin, deployed: App, oneoff: Recorder):
    oneoff.answers["enter"] = PaasError("blog has no running container worker")
    assert "no running container" in admin.fails("enter", "blog", "worker").err
    assert "not a process or container" in admin.fails("enter", "blog", "../x").err
    assert "needs the id" in admin.fails("enter", "blog", "--container-id").err


def test_git_hands_its_lines_and_variables_to_the_receiver(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
):
    from tests.commands.conftest import GIT

    receive = Recorder()
    receive.answers["pre_receive"] = 0
    monkeypatch.setattr("paas.commands.hook.receive", receive)
    admin.environment = {"PAAS_PUSH": "token", "GIT_QUARANTINE_PATH": "/q"}
    admin.ok("hook:pre-receive", stdin=b"old new refs/heads/main\n", caller=GIT)
    lines, environment = receive.calls[0][1][:2]
    assert lines == ["old new refs/heads/main"]
    assert environment == admin.environment


def test_a_push_nobody_registered_is_refused(admin: Admin):
    from tests.commands.conftest import GIT

    said = admin.fails("hook:pre-receive", stdin=b"old new refs/heads/main\n", caller=GIT)
    assert "did not come through" in said.err
