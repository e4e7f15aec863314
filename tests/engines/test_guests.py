"""Processes on terminals of their own in running containers: they outlive who is on them."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from paas.engines.base import Guest, Wire
from paas.engines.embedded import processes
from paas.engines.embedded.engine import EmbeddedEngine
from paas.errors import PaasError
from paas.model.container import Container
from tests.engines.conftest import House, until
from tests.engines.test_attending import said

SIZE = (33, 99)


@pytest.fixture
def container(house: House) -> Iterator[Container]:
    container = house.engine.start(house.spec("/bin/sleep", "600"))
    yield container
    house.engine.remove(container.id)


def lodge(
    house: House, container: Container, *argv: str, name: str = "enter.1"
) -> tuple[Guest, Wire]:
    return house.engine.lodge(container.id, name, argv or ("/bin/sh",), {"EXTRA": "too"}, SIZE)


def code(guest: Guest) -> int:
    status = guest.wait(60)
    assert status is not None
    return status.code


def traces(house: House, container: Container) -> list[str]:
    """What guests leave: in their container's directory, and the conmons that hold some."""
    home = house.settings.run_dir / "containers" / container.id
    files = [str(one) for one in (*home.glob("guests/*"), *home.glob("conmon-term*"))]
    return files + [
        " ".join(argv) for argv in processes.arguments() if f"{home}/guests" in str(argv)
    ]


def names(house: House, container: Container) -> list[str]:
    return [one.name for one in house.engine.processes(container.id)]


def test_nothing_is_missed_from_the_first_byte_to_the_exit_code(
    house: House, container: Container
) -> None:
    guest, wire = lodge(house, container, "/bin/sh", "-c", "echo first; tty; stty size; exit 7")
    shown = said(wire, b"33 99")
    assert shown.startswith(b"first\r\n/dev/pts/")
    while wire.receive() is not None:
        continue
    assert code(guest) == 7
    assert house.engine.guests() == []
    assert traces(house, container) == []


def test_it_is_confined_and_given_what_every_process_is_that_joins(
    house: House, container: Container
) -> None:
    script = (
        "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; id; pwd; env; ls /proc/self/fd"
    )
    shown = []
    for name in ("enter.1", "enter.2"):
        _, wire = lodge(house, container, "/bin/sh", "-c", script, name=name)
        data = b""
        while (one := wire.receive()) is not None:
            data += one[1]
        shown.append(data)
    assert shown[0] == shown[1]
    assert b"CapEff:\t0000000000000000" in shown[0]
    assert b"NoNewPrivs:\t1" in shown[0]
    assert b"Seccomp:\t2" in shown[0]
    assert b"GREETING=hello" in shown[0]
    assert b"EXTRA=too" in shown[0]
    assert shown[0].endswith(b"0  1  2  3\r\n")


def test_it_goes_on_when_nobody_is_on_it_and_is_come_back_to(
    house: House, container: Container
) -> None:
    guest, wire = lodge(house, container)
    wire.send(b"kept=yes; echo re''ady\n")
    said(wire, b"ready")
    wire.close()
    (found,) = house.engine.guests()
    assert (found.name, found.container.id) == ("enter.1", container.id)
    assert b"ready" in found.shown.read_bytes()
    again = found.attach()
    again.resize(40, 100)
    again.send(b"until stty size | grep -q '40 100'; do :; done; echo it is $kept; exit 5\n")
    said(again, b"it is yes")
    again.close()
    assert code(guest) == 5


def test_the_next_daemon_finds_it_and_what_it_showed(house: House, container: Container) -> None:
    _, wire = lodge(house, container)
    wire.send(b"echo be''fore\n")
    said(wire, b"before")
    wire.close()
    later = EmbeddedEngine(house.settings, house.runner, house.layers, house.networks)
    try:
        assert later.reconcile([container.id]) == []
        (found,) = later.guests()
        assert (found.name, found.container.id) == ("enter.1", container.id)
        assert b"before" in found.shown.read_bytes()
        again = found.attach()
        again.send(b"exit 9\n")
        assert code(found) == 9
        again.close()
        assert later.guests() == []
    finally:
        later._exits.close()
    assert traces(house, container) == []


def test_what_another_daemon_had_not_quite_begun_ends(house: House, container: Container) -> None:
    _, wire = lodge(house, container)
    (house.settings.run_dir / "containers" / container.id / "guests/enter.1/guest.json").unlink()
    later = EmbeddedEngine(house.settings, house.runner, house.layers, house.networks)
    later._exits.close()
    assert later.guests() == []
    assert traces(house, container) == []
    until(lambda: sorted(names(house, container)) == ["init", "sleep"])
    wire.close()


def test_killing_it_ends_what_it_started_and_nothing_else(
    house: House, container: Container
) -> None:
    guest, wire = lodge(house, container)
    wire.send(b"(trap '' HUP; setsid sleep 4711 & sleep 4712) & echo un''der way\n")
    said(wire, b"under way")
    until(lambda: names(house, container).count("sleep") == 3)
    guest.kill()
    assert code(guest) == 137
    assert sorted(names(house, container)) == ["init", "sleep"]
    wire.close()


def test_it_ends_with_its_container_and_leaves_nothing(house: House, container: Container) -> None:
    guest, wire = lodge(house, container)
    wire.send(b"trap '' TERM HUP; echo re''ady\n")
    said(wire, b"ready")
    house.engine.remove(container.id)
    while wire.receive() is not None:
        continue
    assert code(guest) == 137
    assert house.engine.guests() == []
    assert traces(house, container) == []
    until(lambda: house.traces(container.id) == [])


def test_a_container_removed_while_many_come_in_leaves_nothing_of_any(
    house: House, container: Container
) -> None:
    numbers, came_in = itertools.count(1), threading.Event()

    def keep_coming() -> None:
        """Until nobody is let in any more."""
        with pytest.raises(PaasError):
            while True:
                name = f"enter.{next(numbers)}"
                lodge(house, container, "/bin/sleep", "60", name=name)[1].close()
                came_in.set()

    with ThreadPoolExecutor(6) as crew:
        coming = [crew.submit(keep_coming) for _ in range(6)]
        assert came_in.wait(60)
        house.engine.remove(container.id)
    for one in coming:
        one.result()
    assert house.engine.guests() == []
    until(lambda: traces(house, container) == [])  # a conmon refused by runc ends by itself
    until(lambda: house.traces(container.id) == [])


def test_a_program_that_is_not_there_is_named_and_leaves_nothing(
    house: House, container: Container
) -> None:
    with pytest.raises(PaasError, match="could not be started: there is no program /bin/nothing"):
        lodge(house, container, "/bin/nothing")
    assert house.engine.guests() == []
    assert traces(house, container) == []


def test_nobody_is_taken_into_what_is_frozen_or_over(house: House, container: Container) -> None:
    house.engine.freeze(container.id)
    with pytest.raises(PaasError, match="is frozen"):
        lodge(house, container)
    house.engine.thaw(container.id)
    house.engine.stop(container.id, 0)
    with pytest.raises(PaasError, match="is not running"):
        lodge(house, container)
