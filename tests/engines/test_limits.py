"""Limits hold, and what ran into one says so."""

import re
import time

from paas.engines.base import Streams
from paas.model.container import ExitStatus, Limits
from tests.engines.conftest import House, until

MIB = 1 << 20
EAT = "x = bytearray(200 << 20); x[::4096] = b'x' * len(x[::4096])"


def test_too_much_memory_is_killed_and_reported_as_that(house: House) -> None:
    limits = Limits(memory_bytes=64 * MIB)
    status, _ = house.python(EAT, limits=limits)
    assert status.code == 137
    assert status.out_of_memory
    assert status.reason == "killed: memory limit"


def test_a_child_killed_for_memory_is_reported_when_its_parent_gives_up(house: House) -> None:
    script = f'python3 -IS -c "{EAT}" || exit 9'
    status, _ = house.shell(script, limits=Limits(memory_bytes=64 * MIB))
    assert status.code == 9
    assert status.out_of_memory


def test_memory_is_not_blamed_when_nothing_was_killed_for_it(house: House) -> None:
    status, _ = house.shell("kill -9 $$", limits=Limits(memory_bytes=64 * MIB))
    assert status.code == 137
    assert not status.out_of_memory


def test_a_background_container_over_its_memory_is_reported_to_listeners(house: House) -> None:
    spec = house.spec("/usr/bin/python3", "-IS", "-c", EAT, limits=Limits(memory_bytes=64 * MIB))
    house.engine.start(spec)
    until(lambda: house.engine.get(spec.id).exit)  # type: ignore[union-attr]
    ended = house.engine.get(spec.id)
    assert ended is not None
    assert ended.exit is not None
    assert ended.exit.out_of_memory


def test_a_child_killed_for_memory_long_ago_is_not_blamed_for_a_later_end(house: House) -> None:
    script = (
        f'python3 -IS -c "{EAT}"; echo killed $?; '
        "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 3"
    )
    spec = house.spec("/bin/sh", "-c", script, limits=Limits(memory_bytes=64 * MIB))
    house.engine.start(spec)
    until(lambda: "killed 137" in house.log_text(spec))
    for _ in range(2):  # it lives on for two rounds of the patrol
        house.engine.reconcile(None)
    go = house.engine.execute(spec.id, ("/bin/touch", "/tmp/go"), {}, Streams())
    go.wait()
    go.close()
    until(lambda: house.engine.get(spec.id).exit)  # type: ignore[union-attr]
    assert house.engine.get(spec.id).exit == ExitStatus(3)  # type: ignore[union-attr]


def test_memory_filesystems_count_as_memory_and_are_sized(house: House) -> None:
    status, text = house.shell("head -c 20M /dev/zero > /tmp/a; ls -s /tmp/a", tmpfs_bytes=8 * MIB)
    assert "No space left" in text
    assert status.code == 0


def test_a_fork_bomb_is_contained(house: House) -> None:
    script = (
        "import os, time\nmade = 0\ntry:\n  while True:\n"
        "    if os.fork() == 0: time.sleep(30)\n    made += 1\n"
        "except OSError as error: print(made, error.errno, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    status, text = house.python(script, limits=Limits(memory_bytes=128 * MIB, pids=40))
    made, errno = map(int, text.split())
    assert status.code == 137
    assert errno == 11
    assert made < 40


def test_the_cpu_quota_holds(house: House) -> None:
    script = (
        "import time\nbegan, end = time.monotonic(), time.process_time() + 0.4\n"
        "while time.process_time() < end: pass\nprint(time.monotonic() - began)"
    )
    _, text = house.python(script, limits=Limits(memory_bytes=64 * MIB, cpus=0.2))
    assert 1.2 < float(text) < 60  # at a fifth of a processor it takes two seconds


def test_the_writable_layer_is_full_at_its_size(house: House) -> None:
    limits = Limits(memory_bytes=256 * MIB, scratch_bytes=16 * MIB)
    _, text = house.shell(
        "head -c 30M /dev/zero > /app/a; ls -s --block-size=1 /app/a", limits=limits
    )
    assert "No space left" in text
    size = re.search(r"(\d+) /app/a", text)
    assert size
    assert 8 * MIB < int(size[1]) < 16 * MIB


def test_inodes_run_out_inside_and_not_on_the_host(house: House) -> None:
    limits = Limits(memory_bytes=256 * MIB, scratch_bytes=16 * MIB)
    script = (
        "n = 0\ntry:\n  while n < 50000:\n    open(f'/app/{n}', 'x').close(); n += 1\n"
        "except OSError as error: print(error.errno)"
    )
    _, text = house.python(script, limits=limits)
    assert text.strip() == "28"


def test_a_build_that_fills_the_disk_is_killed_and_says_so(house: House) -> None:
    upper = house.layers.new_upper(house.settings.uids(1))
    limits = Limits(memory_bytes=256 * MIB, scratch_bytes=20 * MIB)
    began = time.monotonic()
    script = "while :; do head -c 5M /dev/zero > /tmp/x && cat /tmp/x >> /app/big; sleep 0.05; done"
    status, _ = house.shell(script, upper=upper, limits=limits)
    assert status.out_of_disk
    assert status.reason == "killed: disk limit"
    assert time.monotonic() - began < 60
    assert upper.is_dir()
    house.layers.discard(upper)


def test_open_files_and_core_dumps_are_limited(house: House) -> None:
    _, text = house.shell("ulimit -n; ulimit -c")
    files, core = text.split()
    assert int(files) <= 65536
    assert core == "0"


def test_what_a_container_uses_can_be_seen(house: House) -> None:
    script = "x = bytearray(30 << 20); import time; time.sleep(60)"
    container = house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", script))
    until(lambda: house.engine.usage(container.id).memory_bytes > 30 * MIB)
    usage = house.engine.usage(container.id)
    assert usage.memory_bytes < 60 * MIB
    assert usage.cpu_seconds > 0
    assert usage.pids == 2


def test_disk_bandwidth_is_limited_also_for_buffered_writes(house: House) -> None:
    limits = Limits(memory_bytes=256 * MIB, scratch_bytes=32 * MIB, disk_write_bps=8 * MIB)
    began = time.monotonic()
    status, _ = house.shell(
        "dd if=/dev/zero of=/app/a bs=1M count=12 conv=fsync 2>&1", limits=limits
    )
    assert status.code == 0
    assert time.monotonic() - began > 0.8
