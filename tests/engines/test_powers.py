"""What the root of an image may do inside, what our image tools may, and what nobody may."""

import signal
from dataclasses import replace

import pytest

from paas.model.container import Power
from tests.engines.conftest import House, until

CAPABILITIES = "grep CapEff /proc/self/status; grep CapBnd /proc/self/status"


def test_an_images_root_may_hand_files_on_and_become_another_user(house: House) -> None:
    script = (
        "import os\n"
        "open('/srv-file', 'w').close(); os.chown('/srv-file', 33, 44)\n"
        "os.setgroups([44]); os.setgid(44); os.setuid(33)\n"
        "print(os.stat('/srv-file').st_uid, os.getuid(), os.getgroups())\n"
    )
    status, text = house.python(script, uid=0, power=Power.ROOT, cwd="/")
    assert (status.code, text) == (0, "33 33 [44]\n")


def test_an_images_root_may_add_users(house: House) -> None:
    script = (
        "PATH=$PATH:/usr/sbin; groupadd crew && useradd -g crew worker && tail -n 1 /etc/passwd"
    )
    status, text = house.shell(script, uid=0, power=Power.ROOT, cwd="/")
    assert status.code == 0, text
    assert text.splitlines()[-1].startswith("worker:")


def test_an_images_root_may_neither_mount_nor_change_its_root(house: House) -> None:
    script = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.mount(b'x', b'/tmp', b'tmpfs', 0, None), ctypes.get_errno())\n"
        "try: os.chroot('/tmp')\n"
        "except OSError as error: print(error.errno)\n"
        "try: os.mknod('/disk', 0o60600, os.makedev(8, 0))\n"
        "except OSError as error: print(error.errno)\n"
    )
    _, text = house.python(script, uid=0, power=Power.ROOT, cwd="/")
    assert text.split() == ["-1", "1", "1", "1"]


@pytest.mark.parametrize("power", [Power.NONE, Power.ROOT, Power.TOOLS])
def test_another_user_than_root_has_no_capability_whatever_the_image_wants(
    house: House, power: Power
) -> None:
    _, text = house.shell(CAPABILITIES, power=power)
    assert {line.split()[1] for line in text.splitlines()} == {"0000000000000000"}


def test_root_without_power_has_no_capability(house: House) -> None:
    _, text = house.shell(CAPABILITIES, uid=0, cwd="/")
    assert {line.split()[1] for line in text.splitlines()} == {"0000000000000000"}


def test_everybody_may_listen_on_low_ports_of_their_own_network(house: House) -> None:
    script = "import socket; s = socket.socket(); s.bind(('0.0.0.0', 80)); print('bound')"
    assert house.python(script)[1] == "bound\n"


def test_groups_of_an_images_user_are_its_own(house: House) -> None:
    _, text = house.shell("id -u; id -g; id -G", uid=33, gid=44, groups=(50, 60), cwd="/")
    assert text.split("\n")[:3] == ["33", "44", "44 50 60"]


def test_tools_may_mount_in_their_own_namespaces_and_nothing_of_the_hosts(house: House) -> None:
    script = (
        "mkdir /m && mount -t tmpfs none /m && touch /m/x && echo mounted\n"
        "mount -o remount,rw /proc/sys\n"
        "(echo 1 > /proc/sys/kernel/panic) 2>/dev/null && echo wrote\n"
        "mount -t proc none /m; cat /m/kcore 2>/dev/null | head -c 9\n"
        "ls /dev/mem /dev/kmsg 2>/dev/null\n"
        "unshare --user true 2>/dev/null && echo userns\n"
        "true"
    )
    status, text = house.shell(script, uid=0, power=Power.TOOLS, cwd="/")
    assert (status.code, text) == (0, "mounted\n")


def test_layers_that_are_shown_are_read_only_and_owned_as_inside(house: House) -> None:
    upper = house.layers.new_upper(house.settings.uids(7))
    (upper / "greeting").write_text("hello")
    layer = house.layers.adopt(upper, "greeting", house.settings.uids(7))
    script = "cat /layers/1/greeting; stat -c ' %u' /layers/1; touch /layers/1/x 2>&1; ls /layers"
    _, text = house.shell(script, shown=(house.base, layer), uid=0, power=Power.ROOT, cwd="/")
    assert text.startswith("hello 0\n")
    assert "Read-only file system" in text
    assert text.endswith("0\n1\n")


def test_a_container_is_asked_to_end_by_the_signal_its_image_wants(house: House) -> None:
    script = "trap 'exit 7' QUIT; echo ready; while true; do sleep 0.05; done"
    spec = house.spec("/bin/sh", "-c", script)
    container = house.engine.start(replace(spec, stop_signal=signal.SIGQUIT))
    until(lambda: "ready" in house.log_text(spec))
    status = house.engine.stop(container.id, 60)
    assert status is not None
    assert status.code == 7
