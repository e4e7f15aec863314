import threading
from dataclasses import replace

import pytest

from paas.commands import ps
from paas.console import Console
from paas.deploy import boot as boot_room
from paas.errors import PaasError
from paas.model.app import App
from paas.model.container import ExitStatus, Kind
from paas.model.image import ImageConfig
from paas.model.process_state import ProcessState
from paas.platform import Platform
from tests.commands.conftest import Admin, Recorder, boot, deploy


def test_scale_hands_over_to_the_pipeline(admin: Admin, deployed: App, pipeline: Recorder):
    admin.ok("ps:scale", "blog", "web=2", "worker=1")
    assert pipeline.calls[0][1][:2] == ("blog", {"web": 2, "worker": 1})


def test_scale_without_counts_shows_them(admin: Admin, deployed: App):
    said = admin.ok("ps:scale", "blog")
    assert "proctype: qty" in said
    assert "web:     1" in said
    assert admin("ps:scale", "blog", "--format", "json").json() == [
        {"process_type": "web", "quantity": 1},
        {"process_type": "worker", "quantity": 0},
    ]


def test_skip_deploy_only_remembers(admin: Admin, deployed: App, pipeline: Recorder):
    said = admin.ok("ps:scale", "--skip-deploy", "blog", "worker=3")
    assert "Scaling blog from the next deploy on: worker=3" in said
    assert pipeline.calls == []
    assert admin.platform.store.formation.get(deployed).count("worker") == 3


@pytest.mark.parametrize("bad", ["web", "web=-1", "web=1.5", "Web=1", "web=99999", "=1", "web="])
def test_a_count_without_sense_changes_nothing(
    admin: Admin, deployed: App, pipeline: Recorder, bad: str
):
    assert admin.fails("ps:scale", "blog", "worker=1", bad).status == 2
    assert pipeline.calls == []


def test_more_processes_than_the_network_has_room_for_are_refused(
    admin: Admin, deployed: App, pipeline: Recorder
):
    assert "has room for (61)" in admin.fails("ps:scale", "blog", "web=40", "worker=30").err
    assert pipeline.calls == []


@pytest.mark.parametrize("verb", ["restart", "start", "stop"])
def test_one_app_or_all_deployed_ones(
    admin: Admin, platform: Platform, deployed: App, pipeline: Recorder, verb: str
):
    admin.ok("apps:create", "empty")
    admin.ok("apps:create", "shop")
    deploy(platform, platform.store.apps.get("shop"))
    admin.ok(f"ps:{verb}", "blog")
    admin.ok(f"ps:{verb}", "--all", "--parallel", "2")
    calls = [(name, arguments[0]) for name, arguments in pipeline.calls]
    assert calls[0] == (verb, "blog")
    assert sorted(calls[1:]) == [(verb, "blog"), (verb, "shop")]
    assert "name one app, or give --all" in admin.fails(f"ps:{verb}").err
    assert "name one app, or give --all" in admin.fails(f"ps:{verb}", "blog", "--all").err


def test_all_apps_are_started_after_those_they_need(
    admin: Admin, platform: Platform, deployed: App, pipeline: Recorder
):
    for name in ("aaa", "zzz"):
        admin.ok("apps:create", name)
        deploy(platform, platform.store.apps.get(name))
    admin.ok("ps:set", "aaa", "start-after", "blog,zzz")
    admin.ok("ps:set", "blog", "start-after", "zzz")
    admin.ok("ps:start", "--all")
    assert [arguments[0] for _, arguments in pipeline.calls] == ["zzz", "blog", "aaa"]
    assert admin.ok("ps:report", "aaa", "--ps-start-after") == "blog,zzz\n"
    said = admin.fails("ps:set", "zzz", "start-after", "aaa")
    assert "zzz after aaa after blog after zzz" in said.err
    assert admin.fails("ps:set", "zzz", "start-after", "nobody").status == 20
    assert admin.ok("ps:report", "zzz", "--ps-start-after") == "\n"


def test_restore_leaves_alone_what_was_stopped(
    admin: Admin, platform: Platform, deployed: App, pipeline: Recorder
):
    admin.ok("apps:create", "shop")
    shop = platform.store.apps.get("shop")
    deploy(platform, shop)
    platform.store.apps.stopped(shop, True)
    said = admin.ok("ps:restore", "--parallel", "-1")
    assert [(name, arguments[0]) for name, arguments in pipeline.calls] == [("start", "blog")]
    assert "shop was stopped, and stays so" in said
    admin.ok("ps:restore", "blog")
    admin.ok("ps:restore", "--all")
    assert [arguments[0] for _, arguments in pipeline.calls] == ["blog"] * 3


def test_what_several_apps_say_at_once_stands_together(
    admin: Admin, platform: Platform, deployed: App, monkeypatch: pytest.MonkeyPatch
):
    names = ["blog", *(f"app-{number}" for number in range(5))]
    for name in names[1:]:
        admin.ok("apps:create", name)
        deploy(platform, platform.store.apps.get(name))
    met = threading.Barrier(3, timeout=60)

    def restart(_platform: Platform, name: str, console: Console, *_: object, actor: str) -> None:
        console.step(f"{name} begins")
        met.wait()
        console.detail(f"{name} ends")
        if name == "app-2":
            raise PaasError("it is broken")

    monkeypatch.setattr(ps.operations, "restart", restart)
    said = admin.fails("ps:restart", "--all", "--parallel", "3")
    lines = said.out.splitlines()
    pairs = [lines[at : at + 2] for at in range(0, len(lines), 2)]
    assert sorted(pairs) == sorted(
        [f"-----> {name} begins", f"       {name} ends"] for name in names
    )
    assert "app-2: it is broken" in said.err
    assert "it failed for app-2" in said.err


@pytest.mark.parametrize("count", ["0", "-2", "1000", "many"])
def test_a_number_at_once_without_sense_is_refused(
    admin: Admin, deployed: App, pipeline: Recorder, count: str
):
    assert admin.fails("ps:restart", "--all", "--parallel", count).status == 2
    assert pipeline.calls == []


def test_restart_takes_one_process_type(admin: Admin, deployed: App, pipeline: Recorder):
    admin.ok("ps:restart", "blog", "worker")
    assert pipeline.calls[0][1][2] == "worker"
    assert "no process type" in admin.fails("ps:restart", "--all", "--", "blog", "web").err


def test_one_app_that_fails_does_not_stop_the_others(
    admin: Admin, deployed: App, pipeline: Recorder
):
    pipeline.answers["restart"] = PaasError("web.1 did not listen")
    said = admin.fails("ps:restart", "--all")
    assert "blog: web.1 did not listen" in said.err
    assert "it failed for blog" in said.err


def test_rebuild_builds_the_deployed_commit_again(
    admin: Admin, deployed: App, pipeline: Recorder, platform: Platform
):
    pipeline.answers["deployed"] = platform.store.releases.current(deployed)
    admin.ok("ps:rebuild", "blog")
    push = pipeline.calls[-1][1][0]
    assert (push.app, push.branch, push.new) == ("blog", "main", "c" * 40)


@pytest.mark.parametrize("verb", ["restart", "start", "stop", "rebuild"])
def test_an_app_that_was_never_deployed_says_so(admin: Admin, blog: App, verb: str):
    assert "has not been deployed yet" in admin.fails(f"ps:{verb}", "blog").err


def test_the_report_shows_state_limits_and_release(admin: Admin, deployed: App):
    said = " ".join(admin.ok("ps:report", "blog").split())
    assert "Running: true" in said
    assert "Status web.1: running (CID: web1xxxxxx)" in said
    assert "Limits web: memory 512 MiB, pids 256, disk 1 GiB" in said
    assert "Ps computed restart policy: always" in said
    assert "Ps can scale: true" in said
    assert " Computed stop timeout seconds: " in said
    report = admin("ps:report", "blog", "--format", "json").json()
    assert (report["deployed"], report["release"], report["processes"]) == ("true", "v1", "1")
    assert report["ps-can-scale"] == "true"
    assert report["status-web.1"] == report["ps-status-web.1"]
    assert admin.ok("ps:report", "blog", "--running") == "true\n"


def test_a_process_over_its_memory_says_which_limit_it_hit(
    admin: Admin, platform: Platform, blog: App
):
    deploy(platform, blog)
    boot(platform, blog, ended=ExitStatus(137, out_of_memory=True))
    said = admin.ok("ps:report", "blog")
    assert "crashed: killed: memory limit 512 MiB" in said
    assert admin.ok("ps:report", "blog", "--running") == "false\n"


def test_a_process_that_was_restarted_says_how_often_and_why(
    admin: Admin, platform: Platform, deployed: App
):
    def remember(**changes: object) -> None:
        platform.store.process_states.change(
            deployed,
            "web",
            1,
            lambda _: ProcessState(**changes),  # type: ignore[arg-type]
        )

    remember(restarts=2, last_exit=ExitStatus(3), exit_release=1)
    said = admin.ok("ps:report", "blog")
    assert "running (CID: web1xxxxxx), 2 restarts, last: exited with code 3" in said
    assert admin.ok("ps:report", "blog", "--last-exit-web.1") == "exited with code 3, v1\n"
    killed = ExitStatus(137, out_of_memory=True)
    remember(restarts=1, last_exit=killed, memory_bytes=512 << 20)
    assert "1 restart, last: killed: memory limit 512 MiB" in admin.ok("ps:report", "blog")


def test_some_of_the_processes_running_is_mixed(admin: Admin, platform: Platform, deployed: App):
    platform.store.formation.set(deployed, {"web": 2})
    assert admin.ok("ps:report", "blog", "--running") == "mixed\n"
    assert admin.ok("ps:report", "blog", "--status-web.2") == "missing\n"


def test_a_report_of_an_app_never_deployed(admin: Admin, blog: App):
    report = admin("ps:report", "blog", "--format", "json").json()
    assert (report["deployed"], report["running"], report["processes"]) == ("false", "false", "0")


def test_inspect_shows_containers_and_no_value_of_a_variable(
    admin: Admin, platform: Platform, deployed: App
):
    boot(platform, deployed, "run.1", kind=Kind.RUN)
    said = admin.ok("ps:inspect", "blog")
    assert "hidden" not in said
    web, run = admin("ps:inspect", "blog", "--format", "json").json()
    assert (web["name"], web["running"], web["address"]) == ("web.1", True, "10.1.2.3")
    assert (web["environment"], web["in_service"]) == (["TOKEN"], True)
    assert (run["kind"], run["argv"], run["in_service"]) == ("run", [], False)
    assert admin.fails("ps:inspect", "nobody").status == 20


def test_web_runs_the_command_that_was_set_for_it(admin: Admin, platform: Platform, blog: App):
    release = deploy(platform, blog)
    assert boot_room.command_line(platform, blog, release.image, "web") == "python app.py"
    admin.ok("ps:set", "blog", "start-cmd", "python other.py")
    assert boot_room.command_line(platform, blog, release.image, "web") == "python other.py"
    assert boot_room.command_line(platform, blog, release.image, "worker") == "python work.py"
    foreign = replace(release.image, config=ImageConfig())
    admin.ok("ps:set", "blog", "dockerfile-start-cmd", "serve")
    assert boot_room.command_line(platform, blog, foreign, "web") == "serve"
    assert admin.fails("ps:set", "blog", "start-cmd", "  ").status == 2
    assert "of apps" in admin.fails("ps:set", "--global", "start-cmd", "x").err


def test_a_changed_config_waits_where_deploys_are_skipped(
    admin: Admin, platform: Platform, deployed: App
):
    admin.ok("ps:set", "blog", "skip-deploy", "true")
    said = admin.ok("config:set", "blog", "A=1")
    assert "Skipping the deploy of blog" in said
    current = platform.store.releases.current(deployed)
    assert current is not None
    assert (current.version, current.config) == (1, {})
    assert "not to be deployed" in admin.fails("git:from-image", "blog", "x.example.com/a:1").err


def test_a_rebuild_takes_what_was_pushed_last(
    admin: Admin, platform: Platform, deployed: App, pipeline: Recorder,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(platform.repositories, "branches", lambda _: {"master": "d" * 40})
    admin.ok("ps:rebuild", "blog")
    (_, (push, *_)) = pipeline.calls[-1]
    assert (push.branch, push.new) == ("master", "d" * 40)
