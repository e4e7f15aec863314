"""What is decided without a kernel: specs, profiles, and how kernel files are read."""

import json
import os
import socket
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from paas.engines.embedded import disk, processes, record, seccomp, sockets, weights
from paas.engines.embedded import spec as oci
from paas.engines.embedded.bundle import resolver
from paas.engines.embedded.cgroups import Cgroups
from paas.engines.embedded.exits import classify
from paas.engines.embedded.processes import Process
from paas.errors import PaasError
from paas.model.container import (
    SAME_IDS,
    Container,
    ContainerSpec,
    ExitStatus,
    Kind,
    Limits,
    Mount,
    Power,
    Usage,
)
from paas.model.extras import UNLIMITED, Extras, MemoryMount, Ulimit
from paas.model.release import Layer

SPEC = ContainerSpec(
    id="abcdefghij",
    app="blog",
    slot=3,
    kind=Kind.APP,
    process="web",
    index=2,
    layers=(Layer("base", 0), Layer("source", 196608, 7)),
    argv=("serve", "--port", "5000"),
    environment={"PORT": "5000", "SECRET": "a b"},
    limits=Limits(memory_bytes=64 << 20, cpus=0.5, pids=10, disk_read_bps=1000),
    mounts=(Mount(Path("/srv/data"), "/data", read_only=False, ids=SAME_IDS),),
    log=Path("/var/log/x.log"),
)
PLACE = oci.Place(
    rootfs=Path("/r"),
    user_namespace=Path("/u"),
    network_namespace=Path("/n"),
    address=IPv4Address("10.0.0.5"),
    uid_base=196608,
    cgroup="/paas/abcdefghij",
    files={"/etc/hosts": Path("/h")},
    sources={"/data": Path("/staged")},
    devices=(oci.Device(8, 0),),
)
MACHINE = oci.Machine(seccomp={"syscalls": []}, ulimits={"nofile": 20_000})


def config(spec: ContainerSpec = SPEC, machine: oci.Machine = MACHINE) -> dict[str, Any]:
    return oci.config(spec, PLACE, machine, terminal=None)


def test_a_container_has_no_capability_and_gets_no_new_privileges() -> None:
    process = config()["process"]
    assert all(not found for found in process["capabilities"].values())
    assert process["noNewPrivileges"] is True
    assert process["user"] == {"uid": 1000, "gid": 1000}


def test_the_program_runs_under_init() -> None:
    assert config()["process"]["args"] == ["/.paas/init", "--", "serve", "--port", "5000"]


def test_a_terminal_has_its_size_from_the_first_moment() -> None:
    process = oci.config(SPEC, PLACE, MACHINE, terminal=(24, 80))["process"]
    assert process["terminal"] is True
    assert process["consoleSize"] == {"height": 24, "width": 80}
    assert config()["process"]["terminal"] is False


def test_open_files_are_clamped_to_what_the_daemon_may_have() -> None:
    limits = {one["type"]: one["hard"] for one in config()["process"]["rlimits"]}
    assert limits == {"RLIMIT_NOFILE": 20_000, "RLIMIT_CORE": 0}


def test_what_docker_options_ask_for_is_in_it_and_within_what_the_daemon_may_have() -> None:
    extras = Extras(
        ulimits=(Ulimit("nofile", 10, UNLIMITED), Ulimit("memlock", 1, 2)),
        read_only=True,
        host_name="front",
        shm_bytes=1 << 20,
        memory_mounts=(MemoryMount("/cache", 4096, 0o700, read_only=True, no_exec=True),),
    )
    found = config(replace(SPEC, extras=extras))
    limits = {one["type"]: (one["soft"], one["hard"]) for one in found["process"]["rlimits"]}
    assert limits["RLIMIT_NOFILE"] == (10, 20_000)
    assert limits["RLIMIT_MEMLOCK"] == (1, 2)
    assert (found["root"]["readonly"], found["hostname"]) == (True, "front")
    mounts = {one["destination"]: one["options"] for one in found["mounts"]}
    assert "size=1048576" in mounts["/dev/shm"]
    assert {"mode=700", "size=4096", "ro", "noexec", "nosuid", "nodev"} < set(mounts["/cache"])
    assert {"uid=1000", "gid=1000"} < set(mounts["/cache"])


def test_an_images_root_does_without_the_capabilities_it_dropped() -> None:
    root = replace(SPEC, uid=0, power=Power.ROOT)
    some = config(replace(root, extras=Extras(dropped=("CAP_CHOWN",))))["process"]["capabilities"]
    assert "CAP_CHOWN" not in some["effective"]
    assert "CAP_SETUID" in some["effective"]
    none = config(replace(root, extras=Extras(dropped=("CAP_ALL",))))["process"]["capabilities"]
    assert not any(none.values())


def test_names_are_looked_up_where_the_options_say() -> None:
    extras = Extras(dns=("9.9.9.9", "1.1.1.1"), dns_search=("a.example",), dns_options=("ndots:2",))
    assert resolver(extras, "10.0.0.1") == (
        "nameserver 9.9.9.9\nnameserver 1.1.1.1\nsearch a.example\noptions ndots:2\n"
    )
    assert resolver(Extras(), "10.0.0.1") == "nameserver 10.0.0.1\n"


def test_a_program_without_an_init_is_the_first_process() -> None:
    found = config(replace(SPEC, init=False))["process"]["args"]
    assert found == ["serve", "--port", "5000"]


def test_more_swap_and_reserved_memory_are_in_the_kernels_units() -> None:
    limits = Limits(
        memory_bytes=64 << 20, memory_swap_bytes=96 << 20, memory_reserved_bytes=8 << 20
    )
    memory = config(replace(SPEC, limits=limits))["linux"]["resources"]["memory"]
    assert memory == {"limit": 64 << 20, "swap": 96 << 20, "reservation": 8 << 20}


def test_a_record_of_a_container_keeps_all_it_was_asked_for() -> None:
    extras = Extras(
        ulimits=(Ulimit("nofile", 1, 2),), labels={"a": "b"}, hosts=(("db", "10.0.0.1"),),
        dns=("9.9.9.9",), memory_mounts=(MemoryMount("/x", 1),), dropped=("CAP_ALL",), restart="no",
    )  # fmt: skip
    spec = replace(SPEC, extras=extras, init=False)
    container = Container(spec, IPv4Address("10.0.0.2"), 1, datetime.now(UTC))
    assert record.decode(record.encode(container)).spec == spec


def test_it_has_every_namespace_of_its_own() -> None:
    found = {one["type"]: one.get("path") for one in config()["linux"]["namespaces"]}
    assert found["user"] == "/u"
    assert found["network"] == "/n"
    assert set(found) >= {"pid", "ipc", "uts", "mount"}
    unified = config(machine=replace(MACHINE, unified_cgroups=True))["linux"]["namespaces"]
    assert {"type": "cgroup"} in unified


def test_swap_adds_nothing_to_memory() -> None:
    memory = config()["linux"]["resources"]["memory"]
    assert memory == {"limit": 64 << 20, "swap": 64 << 20}
    without = config(machine=replace(MACHINE, swap_accounting=False))
    assert without["linux"]["resources"]["memory"] == {"limit": 64 << 20}


def test_limits_that_are_none_are_not_set() -> None:
    spec = replace(SPEC, limits=Limits(memory_bytes=None, pids=None))
    assert set(config(spec)["linux"]["resources"]) == {"devices", "cpu"}


def test_cpu_and_disk_limits_are_in_the_kernels_units() -> None:
    found = config()["linux"]["resources"]
    assert found["cpu"] == {"shares": 256, "quota": 50_000, "period": 100_000}
    rate = {"major": 8, "minor": 0, "rate": 1000}
    assert found["blockIO"] == {"throttleReadBpsDevice": [rate]}


def test_what_does_not_serve_yet_never_has_the_weight_of_what_does() -> None:
    kinds = (Kind.BUILD, Kind.RELEASE, Kind.APP, Kind.RUN)
    configs = (config(replace(SPEC, kind=kind)) for kind in kinds)
    shares = [one["linux"]["resources"]["cpu"]["shares"] for one in configs]
    assert shares == [256, 256, 256, 1024]


@pytest.mark.parametrize(("shares", "expected"), [(2, 1), (256, 10), (1024, 39), (262144, 10000)])
def test_shares_are_the_weight_that_runc_makes_of_them(shares: int, expected: int) -> None:
    assert weights.weight(shares) == expected


def test_the_kernel_takes_builds_before_apps_and_apps_before_the_host() -> None:
    app = config()["process"]["oomScoreAdj"]
    assert 0 < app < config(replace(SPEC, kind=Kind.BUILD))["process"]["oomScoreAdj"]


def test_mounts_are_found_where_they_were_staged_and_are_never_devices() -> None:
    found = {one["destination"]: one for one in config()["mounts"]}
    assert found["/data"]["source"] == "/staged"
    assert "ro" not in found["/data"]["options"]
    assert "ro" in found["/etc/hosts"]["options"]
    assert {"nosuid", "nodev"} <= set(found["/data"]["options"])
    assert "noexec" not in found["/tmp"]["options"]


def test_the_profile_is_for_one_architecture_and_forbids_what_it_should() -> None:
    source = json.loads(seccomp.PROFILE.read_text())
    found = seccomp.resolve(source, "SCMP_ARCH_X86_64", "amd64")
    allowed = {
        name
        for rule in found["syscalls"]
        if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule
        for name in rule["names"]
    }
    assert found["architectures"] == ["SCMP_ARCH_X86_64"]
    assert {"read", "execve", "futex", "arch_prctl", "prctl", "memfd_create"} <= allowed
    assert not allowed & (seccomp.FORBIDDEN | seccomp.ABSENT | {"clone", "socket"})


def test_the_profile_for_arm_has_arms_own_calls() -> None:
    source = json.loads(seccomp.PROFILE.read_text())
    found = seccomp.resolve(source, "SCMP_ARCH_AARCH64", "arm64")
    names = {name for rule in found["syscalls"] for name in rule["names"]}
    assert "set_tls" in names
    assert "arch_prctl" not in names


def test_a_missing_profile_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(PaasError) as caught:
        seccomp.profile(tmp_path / "none.json")
    assert "golang-github-containers-common" in caught.value.hint


def test_a_record_survives_being_written_and_read() -> None:
    container = Container(SPEC, IPv4Address("10.0.0.5"), 77, datetime.now(UTC), ExitStatus(3))
    assert record.decode(record.encode(container)) == container
    running = replace(container, exit=None, spec=replace(SPEC, upper=Path("/u"), log=None))
    assert record.decode(record.encode(running)) == running


@pytest.mark.parametrize(
    ("code", "kills", "stopped", "blamed"),
    [
        (137, 1, False, True),
        (1, 1, False, True),
        (0, 1, False, False),
        (137, 0, False, False),
        (143, 1, True, False),
        (137, 1, True, False),
    ],
)
def test_memory_is_blamed_when_it_was_the_cause(
    code: int, kills: int, stopped: bool, blamed: bool
) -> None:
    assert classify(code, kills, stopped=stopped).out_of_memory is blamed


V1 = {
    "memory/paas/abcdefghij/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "memory/paas/abcdefghij/memory.usage_in_bytes": "5000\n",
    "memory/paas/abcdefghij/memory.stat": "total_inactive_file 1000\n",
    "memory/memory.memsw.limit_in_bytes": "1\n",
    "cpu,cpuacct/paas/abcdefghij/cpuacct.usage": "2500000000\n",
    "pids/paas/abcdefghij/pids.current": "3\n",
    "pids/paas/abcdefghij/cgroup.procs": "11\n12\n",
    "unified/cgroup.controllers": "\n",
    "unified/paas/abcdefghij/cgroup.procs": "11\n12\n",
}
V2 = {
    "cgroup.controllers": "cpu memory pids io\n",
    "paas/abcdefghij/memory.events": "low 0\noom 1\noom_kill 2\n",
    "paas/abcdefghij/memory.current": "5000\n",
    "paas/abcdefghij/memory.stat": "inactive_file 1000\n",
    "paas/abcdefghij/cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
    "paas/abcdefghij/pids.current": "3\n",
    "paas/abcdefghij/cgroup.procs": "11\n12\n",
}


@pytest.mark.parametrize("files", [V1, V2], ids=["v1 with v2 beside", "v2 alone"])
def test_both_kinds_of_cgroups_are_read(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    cgroups = Cgroups("paas", tmp_path)
    assert cgroups.hierarchies.only_unified is (files is V2)
    assert cgroups.found() == {"abcdefghij"}
    assert cgroups.pids("abcdefghij") == {11, 12}
    assert cgroups.memory_kills("abcdefghij") == 2
    assert cgroups.usage("abcdefghij") == Usage(4000, 2.5, 3)
    assert cgroups.swap_accounting
    assert cgroups.usage("zzzzzzzzzz") == Usage()
    assert cgroups.memory_kills("zzzzzzzzzz") == 0


@pytest.mark.parametrize(
    ("address", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::ffff:127.0.0.1", "127.0.0.1")],
)
def test_sockets_are_told_as_people_write_them(address: str, shown: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as server:
        server.bind((address, 0))
        port = server.getsockname()[1]
        server.listen()
        assert (shown, port) in sockets.listening(os.getpid())
        assert sockets.connections(os.getpid(), port) == 0
        with socket.create_connection((address, port)), server.accept()[0]:
            assert sockets.connections(os.getpid(), port) == 1
    assert (shown, port) not in sockets.listening(os.getpid())


def test_a_family_is_killed_until_it_is_gone_also_those_whose_parent_went_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive = {1: Process(1, 0, 1, 1), 2: Process(2, 1, 2, 2), 9: Process(9, 0, 9, 9)}
    looks = iter(range(30))

    def pids() -> set[int]:
        if next(looks) == 29:
            del alive[2]
        return set(alive)

    def kill(pid: int, _number: int) -> None:
        """The first dies at once, what it started in a while: it belongs to init until then."""
        if alive.pop(1, None):
            alive[2] = Process(2, 0, 2, 2)
        assert pid in (1, 2)

    monkeypatch.setattr(processes, "look", alive.get)
    monkeypatch.setattr(processes, "signal_process", kill)
    processes.kill_family(1, pids)
    assert set(alive) == {9}


def test_sockets_of_nobody_are_none() -> None:
    assert sockets.listening(1 << 22) == []
    assert sockets.connections(1 << 22, 80) == 0


def test_disk_usage_counts_blocks_and_entries_and_hard_links_once(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/file").write_bytes(b"x" * 100_000)
    before = disk.measure(tmp_path, 1 << 40)
    assert 100_000 < before < 150_000
    os.link(tmp_path / "below/file", tmp_path / "again")
    (tmp_path / "link").symlink_to("/usr")
    assert disk.measure(tmp_path, 1 << 40) - before < 20_000


def test_a_tree_too_deep_to_measure_counts_as_too_large(tmp_path: Path) -> None:
    path = tmp_path
    for _ in range(disk.DEEPEST + 2):
        path /= "d"
    path.mkdir(parents=True)
    assert disk.measure(tmp_path, 1 << 40) > 1 << 40
