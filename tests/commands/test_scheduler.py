"""scheduler and scheduler-docker-local: dokku's names for how containers are started."""

import pytest

from paas.deploy import boot, policies, roll
from paas.deploy.boot import slot_of
from paas.model.app import App
from paas.platform import Platform
from tests.commands.conftest import Admin, deploy


def test_the_scheduler_is_the_one_there_is(admin: Admin, blog: App):
    admin.ok("scheduler:set", "blog", "selected", "docker-local")
    report = admin("scheduler:report", "blog", "--format", "json").json()
    assert (report["selected"], report["scheduler-computed-selected"]) == ("docker-local",) * 2
    admin.ok("scheduler:set", "blog", "selected")
    assert admin.ok("scheduler:report", "blog", "--scheduler-selected") == "\n"


@pytest.mark.parametrize("name", ["k3s", "nomad", "kubernetes", "null"])
def test_dokkus_other_schedulers_are_refused_by_name(admin: Admin, blog: App, name: str):
    said = admin.fails("scheduler:set", "blog", "selected", name)
    assert f"the scheduler {name} is not supported" in said.err
    assert len(said.err.splitlines()) == 2


def test_the_shell_is_a_program_and_nothing_besides(admin: Admin, blog: App):
    admin.ok("scheduler:set", "--global", "shell", "/bin/dash")
    assert policies.shell(admin.platform, blog) == "/bin/dash"
    for bad in ("bash", "/bin/sh -c x", "/bin/"):
        assert admin.fails("scheduler:set", "blog", "shell", bad).status == 2


def test_containers_have_an_init_unless_the_app_says_no(
    admin: Admin, platform: Platform, blog: App
):
    release = deploy(platform, blog)
    assert boot.spec(platform, blog, release, slot_of("web", 1)).init
    admin.ok("scheduler-docker-local:set", "blog", "init-process", "false")
    assert not boot.spec(platform, blog, release, slot_of("web", 1)).init
    admin.fails("scheduler-docker-local:set", "blog", "init-process", "maybe")


def test_web_starts_first_and_then_so_many_types_at_a_time(
    admin: Admin, platform: Platform, blog: App
):
    release = deploy(platform, blog)
    slots = [slot_of(kind, n) for kind in ("web", "a", "b", "c") for n in (1, 2)]

    def turns() -> list[set[str]]:
        return [
            {one.process for one in some} for some in roll.turns(platform, blog, release, slots)
        ]

    assert turns() == [{"web", "a", "b", "c"}]
    admin.ok("scheduler-docker-local:set", "blog", "parallel-schedule-count", "2")
    assert turns() == [{"web"}, {"a", "b"}, {"c"}]
    admin.fails("scheduler-docker-local:set", "blog", "parallel-schedule-count", "0")
