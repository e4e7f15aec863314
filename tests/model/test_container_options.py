"""Docker's options of containers: what each one comes to, and what is refused."""

import signal

import pytest

from paas.errors import UsageError
from paas.model.container import ContainerSpec, Kind, Power
from paas.model.container_options import OPTIONS, apply
from paas.model.docker_options import parse
from paas.model.extras import UNLIMITED, MemoryMount, Ulimit

PLAIN = ContainerSpec("abcdefghij", "blog", 1, Kind.APP, "web", 1, (), ("x",), {"A": "app"})


def wanted(*words: str) -> ContainerSpec:
    return apply(PLAIN, parse("deploy", words))


def test_without_options_a_container_is_as_it_was():
    assert apply(PLAIN, []) == PLAIN


def test_limits_are_in_dockers_units():
    limits = wanted(
        "--memory 67108864 --memory-swap 128m", "--cpus=0.5", "--pids-limit", "99",
        "--memory-reservation 32m", "--cpu-shares 2048",
    ).limits  # fmt: skip
    assert (limits.memory_bytes, limits.memory_swap_bytes) == (64 << 20, 128 << 20)
    assert (limits.cpus, limits.pids, limits.cpu_shares) == (0.5, 99, 2048)
    assert limits.memory_reserved_bytes == 32 << 20
    assert wanted("--pids-limit=-1").limits.pids is None


def test_variables_cover_the_apps_and_a_name_alone_changes_nothing():
    found = wanted("-e A=option", "--env", "B=two words", "-e C", "-e D=")
    assert found.environment == {"A": "option", "B": "two words", "D": ""}


def test_hosts_names_and_resolvers():
    extras = wanted(
        "--add-host db:10.1.2.3 --add-host cache=::1", "--dns 9.9.9.9", "--dns-search example.com",
        "--dns-option ndots:2", "-h front",
    ).extras  # fmt: skip
    assert extras.hosts == (("db", "10.1.2.3"), ("cache", "::1"))
    assert (extras.dns, extras.dns_search) == (("9.9.9.9",), ("example.com",))
    assert (extras.dns_options, extras.host_name) == (("ndots:2",), "front")


def test_memory_files_limits_and_labels():
    extras = wanted(
        "--shm-size 128m", "--tmpfs /cache:size=8m,mode=700,noexec", "--tmpfs /run/x",
        "--read-only",
        "--ulimit nofile=10:20", "--ulimit memlock=-1", "-l tier=front", "--label a=b=c",
    ).extras  # fmt: skip
    assert extras.shm_bytes == 128 << 20
    assert extras.memory_mounts == (
        MemoryMount("/cache", 8 << 20, 0o700, no_exec=True), MemoryMount("/run/x", 64 << 20),
    )  # fmt: skip
    assert extras.ulimits == (Ulimit("nofile", 10, 20), Ulimit("memlock", UNLIMITED, UNLIMITED))
    assert extras.labels == {"tier": "front", "a": "b=c"}
    assert extras.read_only
    assert not wanted("--read-only=false").extras.read_only


def test_who_runs_it_where_and_how_it_ends():
    found = wanted(
        "--user 33:44 --group-add 55 -w /srv", "--stop-signal QUIT", "--stop-timeout 7",
        "--init=false",
        "--cap-drop ALL", "--cap-drop net_bind_service", "--restart on-failure:3",
        "--security-opt no-new-privileges",
    )  # fmt: skip
    assert (found.uid, found.gid, found.groups, found.cwd) == (33, 44, (55,), "/srv")
    assert (found.stop_signal, found.extras.stop_timeout_s) == (signal.SIGQUIT, 7)
    assert (found.init, found.extras.restart) == (False, "on-failure:3")
    assert found.extras.dropped == ("CAP_ALL", "CAP_NET_BIND_SERVICE")
    assert (found.power, wanted("-u 0").power) == (Power.NONE, Power.ROOT)


def test_what_was_kept_is_kept_the_same_when_it_is_given_again():
    kept = parse("deploy", ["--init", "--init=false", "-e 'A=b c'", "--tmpfs /x:size=1m"])
    assert kept == ["--init", "--init=false", "--env 'A=b c'", "--tmpfs /x:size=1m"]
    assert parse("deploy", kept) == kept


BAD = {
    "--add-host": ["db", "db:", "db:host-gateway", "-x:1.2.3.4", "a\nb:1.2.3.4", "d b:1.2.3.4"],
    "--cap-drop": ["", "no such", "all;x"],
    "--cpu-shares": ["1", "x"],
    "--cpus": ["0", "lots", "-1"],
    "--dns": ["example.com", "1.2.3", "1.2.3.4\nx"],
    "--dns-option": ["a b", "A", "x\ny"],
    "--dns-search": ["a b", "-x", ""],
    "--env": ["1A=x", "=x", "PORT=80", "A=b\nc"],
    "--group-add": ["staff", "65536", "-1"],
    "--hostname": ["a b", "-x", "UPPER"],
    "--init": ["maybe"],
    "--label": ["x", "=y", "a=b\nc"],
    "--memory": ["1", "lots", "-1"],
    "--memory-reservation": ["x"],
    "--memory-swap": ["x"],
    "--pids-limit": ["0", "x"],
    "--read-only": ["2"],
    "--restart": ["sometimes", "on-failure:0"],
    "--security-opt": ["seccomp=unconfined", "apparmor=x"],
    "--shm-size": ["1", "x"],
    "--stop-signal": ["NOSUCH", "0", "99"],
    "--stop-timeout": ["-1", "x"],
    "--tmpfs": ["cache", "/", "/proc", "/proc/x", "/dev/shm", "/a/../b", "/x:size=no", "/x:suid",
                "/x:mode=9", "/etc/hosts", "/a\nb"],
    "--ulimit": ["nofile", "nofile=x", "nofile=2:1", "beer=1", "nofile=1:2:3"],
    "--user": ["root", "65536", "1:", "-1"],
    "--workdir": ["app", "/a/../b", "/a//b", "/a\nb"],
}  # fmt: skip


@pytest.mark.parametrize("name", list(OPTIONS))
def test_a_value_without_sense_is_refused_by_its_options_name(name: str):
    for text in BAD[name]:
        with pytest.raises(UsageError) as caught:
            parse(
                "deploy", [f"{name}={text}"] if name in ("--init", "--read-only") else [name, text]
            )
        assert name in caught.value.message
