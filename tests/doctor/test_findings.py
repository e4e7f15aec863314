"""What each requirement says when the machine meets it and when it does not."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from paas.command import Completed, Runner
from paas.doctor import examination, kernel, machine, ports, programs
from paas.doctor.finding import (
    Finding,
    Status,
    as_json,
    as_lines,
    fail,
    failures,
    ok,
    summary,
    warn,
)
from paas.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]


class Answering(Runner):
    """A runner whose every child prints the same."""

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, argv, **_):  # type: ignore[no-untyped-def,override]
        return Completed(tuple(argv), 0, self.text.encode(), b"")


def test_every_finding_that_is_not_ok_comes_with_a_remedy(settings: Settings) -> None:
    for finding in examination.whole(settings, Runner()):
        assert finding.status is Status.OK or finding.remedy, finding


def test_this_machine_can_run_an_instance(settings: Settings) -> None:
    assert failures(examination.whole(settings, Runner())) == []


def test_examining_leaves_nothing_behind(settings: Settings) -> None:
    kernel.examine(settings, Runner())
    assert list(settings.state_dir.iterdir()) == []
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(settings.state_dir) not in mounts
    assert ".paas-doctor-" not in mounts
    assert [one for one in os.listdir("/sys/class/net") if one.startswith("trial")] == []


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"', Status.OK),
        ('ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13"', Status.OK),
        ('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"', Status.WARN),
        ('ID=debian\nVERSION_ID="11"', Status.FAIL),
        ('ID=ubuntu\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04"', Status.FAIL),
        ("", Status.FAIL),
    ],
)
def test_only_debian_12_and_13_are_promised(text: str, status: Status) -> None:
    assert machine.system(text).status is status


@pytest.mark.parametrize(
    ("release", "status"),
    [
        ("6.1.0-18-amd64", Status.OK),
        ("5.19.0", Status.OK),
        ("5.10.0-28-amd64", Status.FAIL),
        ("x", Status.FAIL),
    ],
)
def test_an_old_kernel_is_named_as_the_obstacle(release: str, status: Status) -> None:
    assert kernel.version(release).status is status


def test_not_being_root_is_said_with_the_way_out() -> None:
    found = machine.administrator(1000)
    assert found.status is Status.FAIL
    assert "sudo" in found.remedy


def test_an_old_runc_is_a_warning_that_says_what_protects_you() -> None:
    found = programs.weigh_runc("1.1.5")
    assert found.status is Status.WARN
    assert "refused" in found.remedy
    assert programs.weigh_runc("1.3.6").status is Status.OK
    assert programs.weigh_runc("1.10.0").status is Status.OK


def test_a_missing_program_names_the_package_to_install() -> None:
    found = programs.examine_one(programs.Program("no-such-program", "its-package"), Runner())
    assert found == fail("no-such-program", "missing", "apt-get install its-package")


def test_a_version_is_read_from_what_a_program_prints() -> None:
    program = programs.Program("nginx", "nginx", ("nginx", "-v"))
    assert programs.asked_version(program, Answering("nginx version: nginx/1.22.1")) == "1.22.1"


def test_cgroups_version_2_needs_its_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids")
    assert kernel.cgroups(tmp_path).status is Status.OK
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io pids")
    assert kernel.cgroups(tmp_path).status is Status.FAIL
    assert "memory" in kernel.cgroups(tmp_path).found


def test_cgroups_version_1_are_found_as_hierarchies(tmp_path: Path) -> None:
    for controller in ("memory", "cpu", "pids", "unified"):
        (tmp_path / controller).mkdir()
    assert kernel.cgroups(tmp_path).status is Status.WARN
    (tmp_path / "blkio").mkdir()
    assert kernel.cgroups(tmp_path).status is Status.OK


def test_a_machine_without_name_servers_or_a_way_out_is_told_so() -> None:
    assert machine.resolver("search example.org\n").status is Status.FAIL
    assert machine.resolver("nameserver 192.0.2.53\n").found == "192.0.2.53"
    assert machine.uplink("Iface Destination Gateway\n").status is Status.WARN


def test_little_memory_is_a_warning_and_too_little_a_failure() -> None:
    assert machine.memory("MemTotal: 300000 kB\n").status is Status.FAIL
    assert machine.memory("MemTotal: 1000000 kB\n").status is Status.WARN
    assert machine.memory("MemTotal: 8000000 kB\n").status is Status.OK


def test_a_taken_port_names_who_has_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.http_port)):
        found = {finding.name: finding for finding in ports.examine(settings)}
    taken = found[f"port {settings.http_port}"]
    assert taken.status is Status.FAIL
    assert f"process {os.getpid()}" in taken.found
    assert "http_port" in taken.remedy
    assert found[f"port {settings.ssh_port}"].status is Status.OK


def test_who_opens_and_closes_files_meanwhile_is_named_all_the_same(settings: Settings) -> None:
    before = os.open("/dev/null", os.O_RDONLY)
    with socket.create_server(("127.0.0.1", settings.http_port)):
        os.close(before)  # looking takes its number, and is over when that is looked at
        holder = ports.find_holder(settings.http_port)
    assert holder is not None
    assert holder.pid == os.getpid()


def test_a_port_that_this_instance_serves_is_no_obstacle(settings: Settings) -> None:
    program = (
        "import socket, sys\n"
        "s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "print('listening', flush=True); sys.stdin.read()\n"
    )
    argv = [
        sys.executable,
        "-c",
        program,
        str(settings.http_port),
        f"{settings.run_dir}/nginx.conf",
    ]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        ours.stdout.readline()
        found = ports.examine_port(settings, "HTTP", settings.http_port, "http_port")
        ours.terminate()
    assert found.status is Status.OK
    assert "this instance" in found.found


def test_the_daemon_is_known_by_its_socket(settings: Settings) -> None:
    assert ports.daemon_pid(settings) is None
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(settings.socket))
        server.listen()
        assert ports.daemon_pid(settings) == os.getpid()


def test_another_instances_ports_are_not_ours(settings: Settings) -> None:
    other = replace(settings, run_dir=Path(f"{settings.run_dir}-2"))
    holder = ports.Holder(1, f"nginx: master process nginx -c {other.run_dir}/nginx.conf")
    assert not ports.is_ours(settings, holder)
    assert ports.is_ours(other, holder)


def test_findings_are_shown_as_a_table_and_as_json() -> None:
    findings = [ok("one", "fine"), warn("second", "so so", "improve it"), fail("x", "bad", "mend")]
    assert as_lines(findings) == [
        "ok    one     fine",
        "warn  second  so so",
        "              -> improve it",
        "fail  x       bad",
        "              -> mend",
    ]
    assert [Finding(**entry) for entry in json.loads(as_json(findings))] == findings
    assert summary(findings) == "1 ok, 1 warn, 1 fail"


def test_it_runs_with_the_systems_python_before_anything_is_installed(settings: Settings) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-S", "-m", "paas.doctor", "--format", "json"],
        cwd=CHECKOUT,
        env={"PATH": "/usr/bin:/bin", "PAAS_STATE_DIR": str(settings.state_dir),
             "PAAS_SSH_PORT": str(settings.ssh_port), "PAAS_HTTP_PORT": str(settings.http_port),
             "PAAS_HTTPS_PORT": str(settings.https_port)},
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert {entry["status"] for entry in json.loads(done.stdout)} <= {"ok", "warn"}, done
    assert done.returncode == 0
