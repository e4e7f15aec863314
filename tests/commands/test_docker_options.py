"""docker-options: kept by phase and process type, in what the next containers are started with."""

from pathlib import Path

import pytest

from paas.deploy import boot, oneoff, policies
from paas.deploy.boot import slot_of
from paas.deploy.oneoff import Order
from paas.model.app import App
from paas.model.caller import Caller, Role
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


# -- mounts -----------------------------------------------------------------------------------


def targets(spec: ContainerSpec) -> list[str]:
    return [one.target for one in spec.mounts]


def listed(admin: Admin, phase: str) -> list[str]:
    said = admin("docker-options:list", "blog", "--phase", phase, "--format", "json")
    return [str(one) for one in said.json()]


@pytest.mark.parametrize(
    "words",
    [
        ("-v data:/data:ro",),
        ("-v", "data:/data:ro"),
        ("--volume=data:/data:ro",),
        ("--mount type=volume,source=data,target=/data,readonly",),
        ("--mount", "src=data,dst=/data,ro=true"),
    ],
)
def test_a_volume_is_mounted_in_the_phase_alone_however_it_is_written(
    admin: Admin, platform: Platform, deployed: App, words: tuple[str, ...]
):
    admin.ok("storage:create", "data")
    admin.ok("docker-options:add", "blog", "deploy", *words)
    (found,) = spec(platform, deployed).mounts
    assert (found.source, found.target) == (platform.volumes.root / "data", "/data")
    assert found.read_only
    assert found.ids  # the app's own, as with storage:mount
    with oneoff.seat(platform, deployed, Order(("ls",))) as one_off:
        assert one_off.mounts == ()
    assert listed(admin, "deploy") == ["--volume data:/data:ro"]
    assert listed(admin, "run") == []
    (shown,) = admin("storage:list", "blog", "--format", "json").json()
    assert (shown["entry_name"], shown["phases"]) == ("data", ["deploy"])
    admin.ok("docker-options:remove", "blog", "deploy", *words)
    assert listed(admin, "deploy") == []
    assert spec(platform, deployed).mounts == ()


def test_a_mount_gains_and_loses_phases(admin: Admin, deployed: App):
    admin.ok("storage:create", "data")
    admin.ok("storage:mount", "blog", "data", "--container-dir", "/data", "--volume-readonly")
    admin.ok("docker-options:remove", "blog", "run", "-v data:/data:ro")
    assert (len(listed(admin, "deploy")), listed(admin, "run")) == (1, [])
    admin.ok("docker-options:add", "blog", "deploy,run", "-v data:/data:ro")
    assert listed(admin, "run") == ["--volume data:/data:ro"]
    assert "in another way" in admin.fails("docker-options:add", "blog", "run", "-v data:/data").err
    admin.ok("docker-options:remove", "blog", "deploy,run", "-v data:/data:ro")
    assert admin("storage:list", "blog", "--format", "json").json() == []
    assert "not mounted" in admin.fails("docker-options:remove", "blog", "run", "-v data:/data").err


def test_a_process_type_may_have_its_own_mounts(admin: Admin, platform: Platform, deployed: App):
    admin.ok("storage:create", "data")
    where = "--mount type=volume,source=data,target=/in,volume-subpath=a/b"
    admin.ok("docker-options:add", "--process", "worker", "blog", "deploy", where)
    assert targets(spec(platform, deployed)) == []
    assert [one.beneath for one in spec(platform, deployed, "worker").mounts] == ["a/b"]
    report = admin("docker-options:report", "blog", "--format", "json").json()
    assert report["deploy.worker"] == where
    assert report["deploy"] == ""


def test_a_mount_of_type_tmpfs_is_a_tmpfs(admin: Admin, platform: Platform, deployed: App):
    admin.ok("docker-options:add", "blog", "deploy", "--mount type=tmpfs,dst=/t,tmpfs-size=8m")
    assert listed(admin, "deploy") == ["--tmpfs /t:size=8m"]
    assert spec(platform, deployed).extras.memory_mounts[0].size_bytes == 8 << 20


def test_mounts_stay_when_options_are_cleared_and_it_is_said(admin: Admin, deployed: App):
    admin.ok("storage:create", "data")
    admin.ok("docker-options:add", "blog", "deploy", "-v data:/data", "--read-only")
    assert "storage:mounts:clear blog" in admin.ok("docker-options:clear", "blog")
    assert listed(admin, "deploy") == ["--volume data:/data"]


def test_a_volume_mounted_so_is_not_destroyed(admin: Admin, deployed: App):
    admin.ok("storage:create", "data")
    admin.ok("docker-options:add", "blog", "run", "-v data:/data")
    assert "still mounted by app(s): blog" in admin.fails("--force", "storage:destroy", "data").err


def test_a_folder_of_the_server_is_given_below_the_allowed_roots_by_administrators_alone(
    admin: Admin, platform: Platform, deployed: App, roots: Path
):
    admin.ok("storage:ensure-directory", "blog")
    folder = f"{roots}/blog:/storage"
    writer = Caller("plugin:x", "local", frozenset({Role.PLUGIN}), may=("write", "secrets"))
    said = admin.fails("docker-options:add", "blog", "deploy", f"-v {folder}", caller=writer)
    assert "for administrators to give" in said.err
    admin.ok(
        "docker-options:add", "blog", "deploy", f"--mount type=bind,src={roots}/blog,dst=/storage"
    )
    assert listed(admin, "deploy") == [f"--volume {folder}"]
    assert targets(spec(platform, deployed)) == ["/storage"]
    admin.ok("docker-options:remove", "blog", "deploy", f"-v {folder}")
    assert admin("storage:list-entries", "--format", "json").json() == []


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("-v /etc:/host", "below a folder that apps may have"),
        ("-v none:/data", "does not exist"),
        ("-v /data", "not of the form"),
        ("-v data:/proc/x", "the system's own"),
        ("-v data:/data:suid", "not an option of a mount"),
        ("-v data:/a -v data:/a/b", "within each other"),
        ("-v ../data:/data", "not a name for a volume"),
        ("--mount type=bind,source=data,target=/data", "from / on"),
        ("--mount type=bind,source=/etc,target=/data", "below a folder that apps may have"),
        ("--mount type=npipe,source=data,target=/data", "not a type of mount"),
        ("--mount source=data", "needs a target"),
        ("--mount source=data,target=/data,bind-propagation=shared", "not a key"),
        ("--mount source=data,target=/data,volume-subpath=../..", "within a volume"),
        ("--mount source=data,target=/data,target=/other", "twice"),
        ("--mount type=tmpfs,target=/proc", "cannot be covered"),
    ],
)
def test_a_mount_that_cannot_be_changes_nothing(
    admin: Admin, deployed: App, roots: Path, option: str, why: str
):
    admin.ok("storage:create", "data")
    said = admin.fails("docker-options:add", "blog", "run,deploy", "--read-only", option)
    assert why in said.err
    assert listed(admin, "deploy") + listed(admin, "run") == []
    assert admin("storage:list", "blog", "--format", "json").json() == []
    names = [one["name"] for one in admin("storage:list-entries", "--format", "json").json()]
    assert names == ["data"]
