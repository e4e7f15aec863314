"""What a tenant finds when it looks around and tries the doors."""

import os
import platform
import socket
import threading
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.model.container import SAME_IDS, Mount
from tests.engines.conftest import SERVER, House, collect, until

# system call numbers of asm-generic and of x86-64
CALLS = {
    "x86_64": {"keyctl": 250, "ptrace": 101, "clone3": 435, "bpf": 321, "io_uring_setup": 425},
    "aarch64": {"keyctl": 219, "ptrace": 117, "clone3": 435, "bpf": 280, "io_uring_setup": 425},
}[platform.machine()]
CALL = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"


def test_it_runs_as_the_app_user_without_any_capability(house: House) -> None:
    _, text = house.shell("id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
    lines = dict(line.split(":\t") for line in text.splitlines()[1:])
    assert text.splitlines()[0] == "1000"
    assert {int(lines[key], 16) for key in lines if key.startswith("Cap")} == {0}
    assert lines["NoNewPrivs"] == "1"
    assert lines["Seccomp"] == "2"


def test_root_inside_is_nobody_outside(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "60", uid=0))
    assert Path(f"/proc/{container.pid}").stat().st_uid == house.settings.uids(1)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_dangerous_system_calls_are_refused(house: House, name: str) -> None:
    script = CALL + f"print(libc.syscall({CALLS[name]}, 0, 0, 0, 0, 0), ctypes.get_errno())"
    _, text = house.python(script)
    expected = 38 if name in {"clone3", "io_uring_setup"} else 1
    assert text.split() == ["-1", str(expected)]


@pytest.mark.parametrize("flag", [0x10000000, 0x00020000, 0x40000000], ids=["user", "mount", "net"])
def test_no_namespace_can_be_made(house: House, flag: int) -> None:
    clone = 56 if platform.machine() == "x86_64" else 220
    script = (
        CALL
        + f"""
print(libc.unshare({flag}), ctypes.get_errno())
print(libc.syscall({clone}, {flag} | 17, 0, 0, 0, 0) > 0)"""
    )
    _, text = house.python(script)
    assert text.split() == ["-1", "1", "False"]


def test_nothing_can_be_mounted(house: House) -> None:
    script = CALL + "print(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None), ctypes.get_errno())"
    _, text = house.python(script, uid=0)
    assert text.split() == ["-1", "1"]


@pytest.mark.parametrize("family", [socket.AF_PACKET, 38, 40], ids=["packet", "alg", "vsock"])
def test_unusual_socket_families_are_refused(house: House, family: int) -> None:
    script = (
        f"import socket\ntry: socket.socket({int(family)}, 2); print('made')\n"
        "except OSError: print('refused')"
    )
    _, text = house.python(script)
    assert text.strip() == "refused"


def test_raw_sockets_are_refused(house: House) -> None:
    script = "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"
    status, text = house.python(script, uid=0)
    assert status.code == 1
    assert "Operation not permitted" in text


def test_threads_and_children_work(house: House) -> None:
    script = (
        "import threading, subprocess\n"
        "t = threading.Thread(target=lambda: print('thread', flush=True)); t.start(); t.join()\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True).stdout.decode())"
    )
    _, text = house.python(script)
    assert text.split() == ["thread", "child"]


def test_it_sees_only_its_own_processes(house: House) -> None:
    _, text = house.shell("ls /proc | grep -E '^[0-9]+$' | sort -n | head -3; cat /proc/1/comm")
    *pids, name = text.split()
    assert pids[0] == "1"
    assert max(map(int, pids)) < 50
    assert name == "init"


def test_it_sees_no_file_of_the_host(house: House) -> None:
    canary = house.settings.state_dir / "canary"
    canary.write_text("secret")
    script = f"cat {canary}; cat /etc/shadow; ls /root; ls /.paas; ls {house.settings.run_dir}"
    _, text = house.shell(script, uid=0)
    assert "secret" not in text
    assert text.count("No such file") == 4


def test_the_hosts_kernel_settings_are_out_of_reach(house: House) -> None:
    script = """
echo 1 > /proc/sys/kernel/printk; echo b > /proc/sysrq-trigger
echo size=$(cat /proc/kcore | head -c 1 | wc -c) size=$(cat /proc/keys | wc -c); touch /sys/x
dd if=/dev/vda of=/dev/null count=1; mknod /tmp/vda b 254 0"""
    _, text = house.shell(script, uid=0)
    assert text.count("Read-only file system") >= 2
    assert text.count("size=0") == 2  # the two streams are relayed apart, also within a line
    assert "Operation not permitted" in text


def test_init_certificates_and_names_are_read_only(house: House) -> None:
    script = """
for file in /.paas/init /etc/hosts /etc/resolv.conf /etc/ssl/certs/ca-certificates.crt; do
  echo x > $file || echo refused; done; hostname; cat /etc/resolv.conf"""
    _, text = house.shell(script, uid=0)
    assert text.count("refused") == 4
    assert "web.1" in text
    assert f"nameserver {house.settings.dns_address}" in text


def test_another_apps_container_is_out_of_reach(house: House) -> None:
    server = house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", SERVER))
    until(lambda: house.engine.listening(server.id) == [("0.0.0.0", 5000)])
    script = (
        "import socket\nfor port in (5000, 22):\n"
        f"  try: socket.create_connection(('{server.address}', port), timeout=30); print('in')\n"
        "  except OSError: print('out')"
    )
    _, same = house.python(script)
    _, other = house.python(script, app="shop", slot=2)
    assert same.split() == ["in", "out"]
    assert other.split() == ["out", "out"]


def test_the_host_is_out_of_reach(house: House) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        gateway = house.settings.subnet(1)[1]
        script = (
            "import socket\n"
            f"try: socket.create_connection(('{gateway}', {port}), timeout=0.5); print('in')\n"
            "except OSError: print('out')"
        )
        _, text = house.python(script)
    assert text.strip() == "out"


def test_a_linked_dev_in_the_image_is_refused_before_runc_sees_it(house: House) -> None:
    upper = house.layers.new_upper(house.settings.uids(1))
    (upper / "dev").symlink_to("/tmp")
    with pytest.raises(PaasError, match="/dev is not a directory"):
        house.engine.start(house.spec("sleep", "1", upper=upper))
    house.layers.discard(upper)


def test_temporary_files_may_be_executed_since_builds_compile_there(house: House) -> None:
    status, text = house.shell("printf '#!/bin/sh\\necho ran' > /tmp/x; chmod +x /tmp/x; /tmp/x")
    assert (status.code, text) == (0, "ran\n")


def test_a_volume_is_owned_inside_as_on_the_host_only_when_idmapped(house: House) -> None:
    volume = house.settings.state_dir / "volume"
    volume.mkdir(exist_ok=True)
    os.chown(volume, 1000, 1000)
    script = "stat -c %u /data; touch /data/mine && echo wrote"
    mounts = (*house.spec().mounts, Mount(volume, "/data", read_only=False, ids=SAME_IDS))
    _, text = house.shell(script, mounts=mounts)
    assert text.split() == ["1000", "wrote"]
    assert (volume / "mine").stat().st_uid == 1000
    plain = (*house.spec().mounts, Mount(volume, "/data", read_only=False))
    _, text = house.shell(script, mounts=plain)
    assert "wrote" not in text


def test_a_writable_layer_never_gets_our_mount_points(house: House) -> None:
    upper = house.layers.new_upper(house.settings.uids(1))
    status, _ = house.shell("echo mine > /app/file", upper=upper)
    assert status.code == 0
    found = {str(path.relative_to(upper)) for path in upper.rglob("*")}
    assert found == {"app", "app/file"}
    assert (upper / "app/file").stat().st_uid == house.settings.uids(1) + 1000
    house.layers.discard(upper)


def test_secrets_are_not_in_any_command_line(house: House) -> None:
    environment = {"PATH": "/usr/bin:/bin", "SECRET": "s3cr3t-canary"}
    container = house.engine.start(house.spec("sleep", "60", environment=environment))
    seen: list[bytes] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(entry.read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    extra = {"OTHER": "s3cr3t-canary"}
    script = ("sh", "-c", "echo $SECRET $OTHER; sleep 0.3")
    _, text = collect(lambda streams: house.engine.execute(container.id, script, extra, streams))
    stop.set()
    thread.join()
    assert text == "s3cr3t-canary s3cr3t-canary\n"
    assert not any(b"s3cr3t-canary" in line for line in seen)
    for path in house.settings.run_dir.rglob("*.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_joining_processes_are_confined_too(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "60"))
    words = ("sh", "-c", "id -u; pwd; grep -E 'CapBnd|Seccomp:|NoNew' /proc/self/status")
    _, text = collect(lambda streams: house.engine.execute(container.id, words, {}, streams))
    assert text.split()[:2] == ["1000", "/app"]
    assert "CapBnd:\t0000000000000000" in text
    assert "NoNewPrivs:\t1" in text
    assert "Seccomp:\t2" in text
