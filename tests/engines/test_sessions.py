"""Processes in the foreground: terminals, signals, and what is left when the caller goes."""

import hashlib
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from paas.engines.base import Session, Streams
from paas.errors import PaasError
from tests.engines.conftest import House, collect, until


def read_until(session: Session, wanted: bytes) -> bytes:
    """What the terminal shows, up to something wanted."""
    assert session.terminal is not None
    data = b""
    while wanted not in data:
        data += os.read(session.terminal, 4096)
    return data


def rest(session: Session) -> bytes:
    """What the terminal shows until its end."""
    assert session.terminal is not None
    data = b""
    try:
        while part := os.read(session.terminal, 4096):
            data += part
    except OSError:
        return data
    return data


def names(house: House, container_id: str) -> list[str]:
    """What runs in a container."""
    found = []
    for pid in house.engine._cgroups.pids(container_id):
        with suppress(FileNotFoundError, ProcessLookupError):
            found.append(Path(f"/proc/{pid}/comm").read_text().strip())
    return found


def test_a_terminal_is_one_and_has_the_callers_size(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "tty; stty size")
    session = house.engine.spawn(spec, Streams(terminal=(33, 99)))
    shown = rest(session)
    assert b"/dev/pts/0" in shown
    assert b"33 99" in shown
    session.close()


def test_keys_work_as_on_any_terminal(house: House) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PS1": "ready> ", "TERM": "dumb"}
    spec = house.spec("/bin/bash", "--norc", "-i", environment=environment)
    session = house.engine.spawn(spec, Streams(terminal=(24, 80)))
    assert session.terminal is not None
    read_until(session, b"ready> ")
    session.resize(50, 120)
    # runc passes the size on by itself, a moment later than a key would arrive
    script = b"until [ \"$(stty size)\" = '50 120' ]; do :; done; echo re''sized\n"
    os.write(session.terminal, script)
    read_until(session, b"resized\r\nready> ")
    os.write(session.terminal, b"sleep 100\n")
    # bash itself misses a Ctrl-C that comes while it is starting something
    until(lambda: "sleep" in names(house, spec.id))
    os.write(session.terminal, b"\x03")
    read_until(session, b"ready> ")
    os.write(session.terminal, b"exit 7\n")
    status = session.wait(60)
    assert status
    assert status.code == 7
    session.close()
    assert session.terminal is None
    session.resize(1, 1)


def test_a_terminal_in_a_running_container(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "100"))
    words = ("/bin/sh", "-c", "tty && stty size && exit 6")
    session = house.engine.execute(container.id, words, {}, Streams(terminal=(20, 70)))
    shown = rest(session)
    status = session.wait(60)
    assert b"20 70" in shown
    assert status
    assert status.code == 6
    session.close()


def test_signals_reach_the_program(house: House) -> None:
    spec = house.spec(
        "/bin/bash", "-c", "trap 'exit 8' USR1; echo ready; while :; do sleep .1; done"
    )
    reader, writer = os.pipe()
    session = house.engine.spawn(spec, Streams(None, writer, writer))
    os.close(writer)
    assert os.read(reader, 100) == b"ready\n"
    session.signal(signal.SIGUSR1)
    status = session.wait(60)
    assert status
    assert status.code == 8
    session.close()
    os.close(reader)


def test_killing_a_session_ends_everything_it_started(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "setsid sleep 1000 & setsid sleep 1001 & wait")
    session = house.engine.spawn(spec, Streams())
    until(lambda: len(house.engine._cgroups.pids(spec.id)) >= 4)
    session.kill()
    status = session.wait(60)
    assert status
    assert status.code == 137
    assert house.engine._cgroups.pids(spec.id) == set()
    session.close()
    assert not (house.settings.run_dir / "containers" / spec.id).exists()


def test_killing_a_joined_process_leaves_the_container_running(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "100"))
    until(lambda: len(house.engine._cgroups.pids(container.id)) == 2)
    before = house.engine._cgroups.pids(container.id)
    words = ("/bin/sh", "-c", "sleep 1000 & sleep 1001")
    session = house.engine.execute(container.id, words, {}, Streams())
    until(lambda: len(house.engine._cgroups.pids(container.id)) >= len(before) + 2)
    session.close()
    until(lambda: house.engine._cgroups.pids(container.id) == before)
    now = house.engine.get(container.id)
    assert now
    assert now.running


def test_a_caller_that_does_not_read_can_still_end_its_session(house: House) -> None:
    reader, writer = os.pipe()
    session = house.engine.spawn(house.spec("yes"), Streams(None, writer, writer))
    os.close(writer)
    assert session.wait(0.3) is None
    thread = threading.Thread(target=session.close)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    os.close(reader)


def test_a_lot_goes_through_in_order(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "cat | tail -c 20000000 | md5sum")
    reader, writer = os.pipe()
    stdin, feed = os.pipe()
    session = house.engine.spawn(spec, Streams(stdin, writer, writer))
    os.close(writer)
    os.close(stdin)
    with os.fdopen(feed, "wb") as file:
        for number in range(20):
            file.write(bytes([number]) * 1_000_000)
    with os.fdopen(reader, "rb") as file:
        whole = b"".join(bytes([number]) * 1_000_000 for number in range(20))
        assert file.read().split()[0].decode() == hashlib.md5(whole).hexdigest()
    session.close()


def test_joining_with_a_program_that_is_not_there_says_so(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "100"))
    with pytest.raises(PaasError, match="there is no program nothing-here in it"):
        house.engine.execute(container.id, ("nothing-here",), {}, Streams())
    home = house.settings.run_dir / "containers" / container.id
    assert not list(home.glob("exec-*"))


def test_the_environment_of_a_joined_process_is_the_containers_and_the_given(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "100"))
    words = ("/bin/sh", "-c", "echo $GREETING $MORE; pwd")
    _, text = collect(
        lambda streams: house.engine.execute(container.id, words, {"MORE": "more"}, streams)
    )
    assert text.split() == ["hello", "more", "/app"]


def test_no_descriptor_of_the_daemon_leaks_into_a_container(house: House, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        _, text = house.shell("ls /proc/self/fd | wc -l; ls -l /proc/self/fd")
    assert "secret" not in text
    assert int(text.split()[0]) <= 4


def test_sessions_leave_no_descriptor_behind(house: House) -> None:
    house.shell("true")
    house.networks._settle()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        house.shell("true")
        session = house.engine.spawn(house.spec("true"), Streams(terminal=(24, 80)))
        session.wait(60)
        session.close()
    until(lambda: len(os.listdir("/proc/self/fd")) <= before)
