"""Containers that somebody is on, from their first byte or later; and frozen ones."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from paas.engines.base import Process, Stream, Streams, Wire
from paas.errors import PaasError
from paas.model.container import ContainerSpec
from tests.engines.conftest import House, until


def everything(wire: Wire) -> list[tuple[Stream, bytes]]:
    """What is said on a wire until its end."""
    found = []
    while (said := wire.receive()) is not None:
        found.append(said)
    return found


def said(wire: Wire, wanted: bytes) -> bytes:
    """What is said up to something wanted."""
    data = b""
    while wanted not in data:
        one = wire.receive()
        assert one is not None, data
        data += one[1]
    return data


def on_terminal(house: House, *argv: str) -> ContainerSpec:
    return replace(house.spec(*argv), terminal=(33, 99), interactive=True)


@pytest.fixture
def shell(house: House) -> Iterator[tuple[str, Wire]]:
    container, wire = house.engine.attend(on_terminal(house, "/bin/sh"))
    yield container.id, wire
    wire.close()
    house.engine.remove(container.id)


def test_nothing_is_missed_from_the_first_byte_to_the_exit_code(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "echo first; echo apart >&2; exit 7")
    container, wire = house.engine.attend(spec)
    found = everything(wire)
    assert b"".join(data for stream, data in found if stream is Stream.OUT) == b"first\n"
    assert b"".join(data for stream, data in found if stream is Stream.ERROR) == b"apart\n"
    status = house.engine.wait(container.id, 60)
    assert status is not None
    assert status.code == 7


def test_keys_and_sizes_reach_the_terminal(shell: tuple[str, Wire]) -> None:
    _, wire = shell
    wire.send(b"stty size\n")
    said(wire, b"33 99")
    wire.resize(40, 100)
    wire.send(b"until stty size | grep -q '40 1''00'; do sleep 0.1; done; stty size\n")
    said(wire, b"40 100")


def test_the_last_of_many_sizes_counts(house: House, shell: tuple[str, Wire]) -> None:
    container_id, wire = shell
    home = house.settings.run_dir / "containers" / container_id
    monitor = int((home / "conmon.pid").read_text())
    os.kill(monitor, signal.SIGSTOP)
    for number in range(1, 61):
        wire.resize(number, 40 + number)
    os.kill(monitor, signal.SIGCONT)
    wire.send(b"until stty size | grep -q '60 1''00'; do sleep 0.1; done; stty size\n")
    said(wire, b"60 100")


def test_a_terminal_goes_on_when_nobody_is_on_it_and_is_come_back_to(
    house: House, shell: tuple[str, Wire]
) -> None:
    container_id, wire = shell
    wire.send(b"kept=yes; echo re''ady\n")
    said(wire, b"ready")
    wire.close()
    assert wire.receive() is None
    again = house.engine.attach(container_id)
    again.send(b"echo it is $kept\n")
    said(again, b"it is yes")
    again.close()


def test_several_on_one_wire_each_get_everything(house: House, shell: tuple[str, Wire]) -> None:
    container_id, wire = shell
    other = house.engine.attach(container_id)
    time.sleep(1)  # conmon has taken the second one in
    other.send(b"echo for-''both\n")
    said(wire, b"for-both")
    said(other, b"for-both")
    other.close()


def test_nobody_is_put_through_to_what_has_ended(house: House) -> None:
    container = house.engine.start(house.spec("/bin/true"))
    house.engine.wait(container.id, 60)
    with pytest.raises(PaasError, match="is not running"):
        house.engine.attach(container.id)
    with pytest.raises(PaasError, match="is not running"):
        house.engine.attach("nothinghere")


def test_waiting_ends_with_the_container_or_with_the_time(house: House) -> None:
    container = house.engine.start(house.spec("/bin/sleep", "60"))
    assert house.engine.wait(container.id, 0.05) is None
    assert house.engine.wait("nothinghere", 5) is None
    house.engine.stop(container.id, 0)
    status = house.engine.wait(container.id, 60)
    assert status is not None
    assert status.code in (137, 143)  # by the signal it was sent first, or the last


def test_a_frozen_container_does_nothing_until_it_is_thawed(house: House) -> None:
    container = house.engine.start(house.spec("/bin/sh", "-c", "while :; do :; done"))
    house.engine.freeze(container.id)
    assert house.engine.is_frozen(container.id)
    before = house.engine.usage(container.id).cpu_seconds
    time.sleep(0.3)
    assert house.engine.usage(container.id).cpu_seconds - before < 0.1
    with pytest.raises(PaasError, match="is frozen"):
        house.engine.execute(container.id, ("/bin/true",), {}, Streams())
    house.engine.thaw(container.id)
    assert not house.engine.is_frozen(container.id)
    until(lambda: house.engine.usage(container.id).cpu_seconds > before + 0.1)


def test_a_frozen_container_hears_its_signal_when_it_is_stopped(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done")
    container = house.engine.start(spec)
    until(lambda: "sleep" in [one.name for one in house.engine.processes(container.id)])
    house.engine.freeze(container.id)
    status = house.engine.stop(container.id, 60)
    assert status is not None
    assert status.code == 9


def test_a_frozen_container_is_removed_as_any_other(house: House) -> None:
    container = house.engine.start(house.spec("/bin/sleep", "60"))
    house.engine.freeze(container.id)
    house.engine.remove(container.id)
    until(lambda: house.traces(container.id) == [])


def test_being_held_still_for_a_moment_thaws_nothing_that_was_frozen(house: House) -> None:
    container = house.engine.start(house.spec("/bin/sleep", "60"))
    house.engine.freeze(container.id)
    with house.engine.frozen(container.id):
        pass
    assert house.engine.is_frozen(container.id)


def test_processes_are_listed_by_the_containers_own_numbers_and_users(house: House) -> None:
    container = house.engine.start(house.spec("/bin/sleep", "60"))

    def sleeping() -> list[Process]:
        """With memory of its own: one that has just become its program counts none yet."""
        every = house.engine.processes(container.id)
        return [one for one in every if one.name == "sleep" and one.memory_bytes > 0]

    until(sleeping)
    (found,) = sleeping()
    assert found.pid < 10
    assert found.uid == container.spec.uid
    assert house.engine.processes("nothinghere") == []


def test_usage_counts_disk_and_network(house: House) -> None:
    line = "dd if=/dev/urandom of=/app/x bs=64k count=16 conv=fsync 2>&1; sleep 60"
    container = house.engine.start(house.spec("/bin/sh", "-c", line))
    until(lambda: house.engine.usage(container.id).written_bytes >= 1 << 20)
    assert house.engine.usage(container.id).pids >= 1
