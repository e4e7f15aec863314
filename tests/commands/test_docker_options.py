"""docker-options: kept by phase and process type, in what the next containers are started with."""

import pytest

from paas.deploy import boot, oneoff, policies
from paas.deploy.boot import slot_of
from paas.deploy.oneoff import Order
from paas.model.app import App
from paas.model.container import ContainerSpec
from paas.model.restart import RestartPolicy
from paas.platform import Platform
from tests.commands.conftest import Admin, deploy


def spec(platform: Platform, app: App, process: str = "web") -> ContainerSpec:
    release = platform.store.releases.current(app)
    assert release is not None
    return boot.spec(platform, app, release, slot_of(process, 1))


def test_options_reach_the_containers_of_their_phase(
    admin: Admin, platform: Platform, deployed: App
):
    said = admin.ok("docker-options:add", "blog", "deploy,run", "--shm-size 1g", "-e", "MODE=x y")
    assert "when they next start" in said
    assert spec(platform, deployed).extras.shm_bytes == 1 << 30
    assert spec(platform, deployed, "worker").environment["MODE"] == "x y"
    with oneoff.seat(platform, deployed, Order(("ls",), {"MODE": "mine"})) as one_off:
        assert one_off.process == "run"
    assert (one_off.extras.shm_bytes, one_off.environment["MODE"]) == (1 << 30, "mine")
    listed = admin("docker-options:list", "blog", "--phase", "deploy", "--format", "json").json()
    assert listed == ["--shm-size 1g", "--env 'MODE=x y'"]
    admin.ok("docker-options:remove", "blog", "run", "--shm-size", "1g")
    with oneoff.seat(platform, deployed, Order(("ls",))) as one_off:
        assert one_off.extras.shm_bytes is None


@pytest.mark.parametrize(
    "words",
    [
        ("--process", "worker", "blog", "deploy", "--ulimit nofile=12"),
        ("blog", "deploy", "--ulimit nofile=12", "--process", "worker"),
        ("blog", "deploy", "--ulimit nofile=12", "--process=worker"),
    ],
)
def test_a_process_type_may_have_its_own(
    admin: Admin, platform: Platform, deployed: App, words: tuple[str, ...]
):
    admin.ok("docker-options:add", *words)
    assert spec(platform, deployed).extras.ulimits == ()
    assert [one.hard for one in spec(platform, deployed, "worker").extras.ulimits] == [12]
    report = admin("docker-options:report", "blog", "--format", "json").json()
    assert report["deploy.worker"] == "--ulimit nofile=12"
    admin.ok("docker-options:clear", "blog", "deploy")
    assert spec(platform, deployed, "worker").extras.ulimits != ()
    admin.ok("docker-options:clear", "--process", "worker", "blog", "deploy")
    assert spec(platform, deployed, "worker").extras.ulimits == ()


def test_what_belongs_to_one_process_type_wins(admin: Admin, platform: Platform, deployed: App):
    admin.ok("docker-options:add", "blog", "deploy", "--restart no", "--stop-timeout 9")
    admin.ok("docker-options:add", "--process", "worker", "blog", "deploy", "--restart always")
    web, worker = (spec(platform, deployed, kind) for kind in ("web", "worker"))
    assert str(policies.restart(platform, deployed, web)) == "no"
    assert policies.restart(platform, deployed, worker) == RestartPolicy()
    assert policies.stop_grace_s(platform, deployed, worker) == 9


def test_a_process_type_that_is_not_there_yet_is_told(admin: Admin, deployed: App):
    said = admin("docker-options:add", "--process", "clock", "blog", "deploy", "--read-only")
    assert said.status == 0
    assert "blog has no process type clock yet" in said.err
    for phase in ("build", "run"):
        said = admin.fails("docker-options:add", "--process", "web", "blog", phase, "--label a=b")
        assert "--process has no meaning" in said.err
    assert admin.fails("docker-options:clear", "--process", "web", "blog").status == 2


def test_all_or_none_of_several_options(admin: Admin, platform: Platform, deployed: App):
    for bad in ("--privileged", "-v /etc:/etc", "--ulimit x", "--process Bad"):
        admin.fails("docker-options:add", "blog", "deploy", "--read-only", *bad.split())
    admin.fails("docker-options:add", "blog", "deploy,nowhere", "--read-only")
    assert [*platform.store.docker_options.list(deployed, "deploy")] == []
    admin.fails("docker-options:remove", "blog", "deploy", "--read-only")


def test_clearing_without_a_phase_means_all(admin: Admin, platform: Platform, blog: App):
    deploy(platform, blog)
    admin.ok("docker-options:add", "blog", "build,deploy,run", "--label a=b")
    assert "on all phases" in admin.ok("docker-options:clear", "blog")
    store = platform.store.docker_options
    assert [*store.list(blog, "build"), *store.list(blog, "run")] == []
