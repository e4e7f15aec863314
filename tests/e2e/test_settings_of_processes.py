"""What settings do to running processes: docker-options, reservations, start commands, skipped
deploys; seen from inside the containers and in the kernel."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from paas.engines.embedded.cgroups import Cgroups
from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN, WITH_WORKER

APP = "shaped"


@pytest.fixture(scope="module")
def shaped(platform: Instance) -> Iterator[Repository]:
    """One app for the whole module; each test leaves it without options."""
    repository = platform.repository(APP)
    repository.deploy(WITH_WORKER)
    yield repository
    platform.ok("--force", "apps:destroy", APP)


@pytest.fixture(autouse=True)
def cleared(platform: Instance, shaped: Repository) -> Iterator[None]:
    yield
    platform.ok("docker-options:clear", APP)


def inside(platform: Instance, line: str, process: str = "web") -> str:
    done = platform.ssh("enter", APP, process, "sh", "-c", f"'{line}'")
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout.decode()


def with_options(platform: Instance, *options: str) -> None:
    platform.ok("docker-options:add", APP, "deploy", *options)
    platform.ok("ps:restart", APP)
    assert platform.get(APP).status_code == 200


def test_files_names_and_variables(platform: Instance):
    with_options(
        platform, "--shm-size 8m", "--tmpfs /cache:size=4m,mode=700,noexec", "-e",
        "MODE=from here", "--add-host db:192.0.2.7", "--dns 192.0.2.53", "-h front",
        "--dns-search example.com",
    )  # fmt: skip
    sizes = inside(platform, "df -k /dev/shm /cache | tail -n +2")
    assert [line.split()[1] for line in sizes.splitlines()] == ["8192", "4096"]
    assert "noexec" in inside(platform, "grep /cache /proc/mounts")
    assert inside(platform, "touch /cache/x && hostname").strip() == "front"
    assert "192.0.2.7\tdb" in inside(platform, "cat /etc/hosts")
    resolver = inside(platform, "cat /etc/resolv.conf")
    assert resolver == "nameserver 192.0.2.53\nsearch example.com\n"
    assert platform.get(APP, "/env/MODE").text == "from here"


def test_limits_of_the_kernel_and_a_root_that_is_only_read(platform: Instance):
    with_options(
        platform, "--ulimit nofile=111:222", "--ulimit memlock=-1", "--memory 100m",
        "--memory-swap 120m", "--memory-reservation 50m", "--pids-limit 77", "--read-only",
        "--init=false", "--label tier=front",
    )  # fmt: skip
    assert inside(platform, "ulimit -Sn; ulimit -Hn").split() == ["111", "222"]
    refused = platform.ssh("enter", APP, "web", "sh", "-c", "'echo x > /app/x'")
    assert b"Read-only file system" in refused.stderr + refused.stdout
    inside(platform, "echo x > /tmp/x")
    first = inside(platform, "cat /proc/1/cmdline").split("\0")
    assert not first[0].endswith("init")
    (web,) = [one for one in inspected(platform) if one["in_service"]]
    assert web["labels"] == {"tier": "front"}
    assert web["limits"]["pids"] == 77
    group = str(web["id"])
    assert kernel_says(platform, group, "memory.limit_in_bytes", "memory.max") == 100 << 20
    assert kernel_says(platform, group, "memory.soft_limit_in_bytes", "memory.low") == 50 << 20


def inspected(platform: Instance) -> list[dict[str, dict[str, object]]]:
    return json.loads(platform.ok("ps:inspect", APP))  # type: ignore[no-any-return]


def kernel_says(platform: Instance, container: str, v1: str, v2: str) -> int:
    cgroups = Cgroups(platform.settings.cgroup_name)
    place = cgroups.hierarchies.by_controller.get("memory", Path("/sys/fs/cgroup"))
    directory = place / cgroups.name / container
    file = next(one for one in (directory / v1, directory / v2) if one.exists())
    return int(file.read_text())


def test_only_the_process_type_that_is_named_gets_it(platform: Instance):
    platform.ok("ps:scale", APP, "worker=1")
    platform.ok("docker-options:add", "--process", "worker", APP, "deploy", "-e ROLE=ticks")
    platform.ok("ps:restart", APP)
    assert inside(platform, "echo $ROLE", "worker").strip() in ("", "ticks")
    environment = 'tr "\\0" "\\n" < /proc/1/environ | grep -c ^ROLE= || true'
    assert inside(platform, environment, "worker").strip() == "1"
    assert inside(platform, environment, "web").strip() == "0"
    platform.ok("docker-options:clear", "--process", "worker", APP, "deploy")
    platform.ok("ps:scale", APP, "worker=0")


def test_one_off_runs_have_options_of_their_own(platform: Instance):
    platform.ok("docker-options:add", APP, "run", "--workdir /tmp", "--ulimit nofile=99", "-e A=1")
    said = platform.ok("run", "-e", "A=2", APP, "--", "sh", "-c", "pwd; ulimit -n; echo $A")
    assert said.split()[1:] == ["99", "2"]
    assert platform.get(APP, "/env/A").text == "(unset)"


def test_an_option_the_kernel_has_no_name_for_never_reaches_it(platform: Instance):
    for option, why in (
        ("--privileged", "server's powers"),
        ("-v /etc:/host", "below a folder that apps may have"),
        ("--cap-add SYS_ADMIN", "range of ids"),
        ("--tmpfs /proc", "cannot be covered"),
    ):
        done = platform.ssh("docker-options:add", APP, "deploy", f"'{option}'")
        assert done.returncode != 0
        assert why in done.stderr.decode(), option
    assert platform.json("docker-options:list", APP, "--phase", "deploy") == []


def test_volumes_and_folders_of_the_server_are_mounted_in_dockers_words(platform: Instance):
    platform.ok("storage:create", "notes")
    platform.ok("storage:ensure-directory", "shaped")
    folder = f"{platform.settings.storage_roots[0]}/shaped"
    platform.ok("docker-options:add", APP, "deploy,run", "-v notes:/notes")
    platform.ok("docker-options:add", APP, "deploy", f"--mount type=bind,src={folder},dst=/f,ro")
    platform.ok("ps:restart", APP)
    inside(platform, "echo kept > /notes/file")
    assert platform.ok("run", APP, "--", "cat", "/notes/file") == "kept\n"
    assert "Read-only" in platform.paas("enter", APP, "web", "touch", "/f/x").stderr.decode()
    assert platform.paas("run", APP, "--", "test", "-e", "/f").returncode != 0
    assert "run succeeded by tester: enter" in platform.ok(
        "events", "--app", APP, "--action", "run"
    )
    platform.ok("docker-options:remove", APP, "deploy,run", "-v notes:/notes")
    platform.ok("docker-options:remove", APP, "deploy", f"-v {folder}:/f")
    platform.ok("ps:restart", APP)
    assert platform.paas("enter", APP, "web", "test", "-e", "/notes").returncode != 0
    platform.ok("--force", "storage:destroy", "notes", "--destroy-host-dir")


def test_web_runs_another_command_when_it_is_told_to(platform: Instance):
    platform.ok("ps:set", APP, "start-cmd", "GREETING=other exec python3 server.py")
    platform.ok("ps:restart", APP)
    assert platform.get(APP, "/env/GREETING").text == "other"
    platform.ok("ps:set", APP, "start-cmd")
    platform.ok("ps:restart", APP)
    assert platform.get(APP, "/env/GREETING").text == "(unset)"


def test_what_is_pushed_while_deploys_are_skipped_is_deployed_by_a_rebuild(
    platform: Instance, shaped: Repository
):
    platform.ok("ps:set", APP, "skip-deploy", "true")
    said = shaped.deploy({"page.txt": "skipped at first"})
    assert f"Skipping the deploy of {APP}" in said
    assert platform.get(APP).text == "hello"
    platform.ok("ps:set", APP, "skip-deploy")
    platform.ok("ps:rebuild", APP)
    assert platform.get(APP).text == "skipped at first"


def test_variables_come_as_an_archive_over_ssh(platform: Instance, tmp_path: Path):
    platform.ok("config:set", "--no-restart", APP, "KEY=two\nlines", "OTHER=1")
    done = platform.ssh("config:bundle", APP)
    assert done.returncode == 0, done.stderr
    (tmp_path / "env.tar").write_bytes(done.stdout)
    subprocess.run(["tar", "-xf", "env.tar"], cwd=tmp_path, check=True)
    assert (tmp_path / "KEY").read_text() == "two\nlines"
    assert platform.ssh("config:bundle", "nobody").returncode == 20
    platform.ok("config:clear", "--no-restart", APP)


def test_a_log_begins_anew_at_the_size_that_was_set(platform: Instance):
    platform.ok("logs:set", APP, "max-size", "64k")
    platform.ok("ps:restart", APP)
    for _ in range(3):
        platform.get(APP, "/" + "x" * 40_000)
    logs = platform.settings.state_dir / "logs" / APP
    assert max(sizes(logs.glob("web.1.*.log*"))) < 64 << 10
    platform.ok("logs:set", APP, "max-size")


def sizes(paths: Iterable[Path]) -> Iterator[int]:
    """Of those that are there still: a log that is full gets another name."""
    for path in paths:
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def test_a_deploy_that_failed_is_read_again_after_another_that_did_not(platform: Instance):
    repository = platform.repository("failing")
    repository.deploy(PLAIN)
    repository.fail({"server.py": "raise SystemExit('DATABASE_URL is missing')"})
    repository.deploy(PLAIN)
    assert "DATABASE_URL is missing" in platform.ok("logs:failed", "failing")
    report = platform.json("report", "failing")
    assert isinstance(report, dict)
    assert report["ps"]["deployed"] == "true"
    assert platform.ok("url", "failing").startswith("http://failing.")
