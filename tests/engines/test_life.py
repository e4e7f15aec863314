"""A container's life beside the daemon's: starting, failing, crashing, being found again."""

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from paas.engines.base import Streams
from paas.engines.embedded import exits, processes, runtime
from paas.engines.embedded.engine import EmbeddedEngine
from paas.errors import PaasError
from paas.logs.logs import Logs
from paas.model.container import Container, ContainerSpec, Limits
from paas.model.release import Layer
from tests.conftest import own_settings
from tests.engines.conftest import SERVER, House, house_of, until


def another_daemon(house: House) -> EmbeddedEngine:
    return EmbeddedEngine(house.settings, house.runner, house.layers, house.networks)


def test_a_server_accepts_and_its_port_and_connections_are_known(house: House) -> None:
    container = house.engine.start(house.spec("/usr/bin/python3", "-IS", "-c", SERVER))
    until(lambda: house.engine.listening(container.id))
    assert house.engine.listening(container.id) == [("0.0.0.0", 5000)]
    assert house.engine.connections(container.id) == 0
    with socket.create_connection((str(container.address), 5000), timeout=30):
        until(lambda: house.engine.connections(container.id) == 1)


def test_what_it_writes_is_logged_with_its_stream(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "echo out; echo err >&2; printf unfinished")
    house.engine.start(spec)
    until(partial(has_ended, house.engine, spec.id))
    logs = Logs(house.settings)
    lines = {(line.source, line.stream, line.text) for line in logs.read("blog")}
    assert lines >= {
        ("web.1", "stdout", "out"),
        ("web.1", "stderr", "err"),
        ("web.1", "stdout", "unfinished"),
    }
    assert set(logs.tail(spec, 10)) == {"out", "err", "unfinished"}


def test_a_full_log_is_rotated_while_it_is_written_and_nothing_is_lost() -> None:
    settings = replace(own_settings(), log_max_bytes=20_000, log_files=50)
    with house_of(settings) as house:
        logs = Logs(settings)
        logs.start()
        script = (
            "for n in $(seq 3000); do echo line $n; "
            "[ $((n % 300)) != 0 ] || until [ -e /tmp/$n ]; do sleep 0.05; done; done"
        )
        spec = house.spec("/bin/sh", "-c", script)
        house.engine.start(spec)
        for number in range(300, 3001, 300):  # less than a file each time
            until(partial(is_kept, logs, spec, f"line {number}"))
            go = house.engine.execute(spec.id, ("/bin/touch", f"/tmp/{number}"), {}, Streams())
            go.wait()
            go.close()
        until(partial(has_ended, house.engine, spec.id))
        found = [line.text for line in logs.read("blog", "web.1")]
        logs.close()
        assert found == [f"line {n}" for n in range(1, 3001)]
        assert spec.log
        assert len(list(spec.log.parent.glob(f"{spec.log.name}*"))) > 5
        house.engine.remove(spec.id)


def is_kept(logs: Logs, spec: ContainerSpec, last: str) -> bool:
    """Whether the log ends with a line, and its file has the name that it survives under."""
    assert spec.log
    second = spec.log.with_name(f"{spec.log.name}.0")
    return logs.tail(spec, 1) == [last] and second.exists() and second.samefile(spec.log)


def test_a_log_flood_is_bounded_also_without_a_daemon() -> None:
    settings = replace(own_settings(), log_max_bytes=50_000)
    with house_of(settings) as house:
        spec = house.spec("/bin/sh", "-c", "yes flood | head -c 5M")
        house.engine.start(spec)
        until(partial(has_ended, house.engine, spec.id))
        assert spec.log
        assert sum(path.stat().st_size for path in spec.log.parent.iterdir()) < 70_000


def test_a_program_that_is_not_there_ends_with_127_and_says_so_in_the_log(house: House) -> None:
    spec = house.spec("no-such-program")
    house.engine.start(spec)
    until(partial(has_ended, house.engine, spec.id))
    ended = house.engine.get(spec.id)
    assert ended
    assert ended.exit
    assert ended.exit.code == 127
    until(lambda: "no-such-program" in house.log_text(spec))


def test_a_program_that_ends_at_once_has_been_started_all_the_same(house: House) -> None:
    specs = [house.spec("/bin/sh", "-c", "exit 3") for _ in range(24)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(house.engine.start, specs))
    for spec in specs:
        until(partial(has_ended, house.engine, spec.id))
    codes = {one.exit.code for one in house.engine.list() if one.exit}
    assert codes == {3}


def test_a_failed_start_says_why_and_leaves_nothing(house: House) -> None:
    spec = house.spec("sleep", "1", limits=Limits(memory_bytes=100 << 10))
    with pytest.raises(PaasError, match="memory limit is too low"):
        house.engine.start(spec)
    assert house.engine.get(spec.id) is None
    until(lambda: house.traces(spec.id) == [])
    with pytest.raises(PaasError, match="memory limit is too low"):
        house.engine.spawn(spec, Streams())
    until(lambda: house.traces(spec.id) == [])


def test_a_missing_layer_fails_the_start_and_leaves_nothing(house: House) -> None:
    spec = house.spec("sleep", "1", layers=(Layer("nowhere", 0),))
    with pytest.raises((PaasError, OSError)):
        house.engine.start(spec)
    until(lambda: house.traces(spec.id) == [])


def test_sigterm_reaches_a_program_behind_a_shell(house: House) -> None:
    script = "trap 'echo stopping; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    spec = house.spec("/bin/bash", "-c", f"{{ {script}; }}; true")
    container = house.engine.start(spec)
    until(lambda: "ready" in house.log_text(spec))
    status = house.engine.stop(container.id, 60)
    assert status
    assert status.code == 5
    assert "stopping" in house.log_text(spec)


def test_a_program_without_an_init_hears_its_signal_itself(house: House) -> None:
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    spec = house.spec("/bin/bash", "-c", script, init=False)
    container = house.engine.start(spec)
    until(lambda: "ready" in house.log_text(spec))
    status = house.engine.stop(container.id, 20)
    assert status
    assert status.code == 5


def test_what_ignores_sigterm_is_killed_after_the_grace(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "trap '' TERM; echo ready; sleep 100")
    container = house.engine.start(spec)
    until(lambda: "ready" in house.log_text(spec))
    status = house.engine.stop(container.id, 0.2)
    assert status
    assert status.code == 137
    assert not status.out_of_memory


def test_removing_a_running_container_frees_everything_but_its_log(house: House) -> None:
    spec = house.spec("/bin/sh", "-c", "echo said; sleep 100")
    house.engine.start(spec)
    until(lambda: "said" in house.log_text(spec))
    house.engine.remove(spec.id)
    until(lambda: house.traces(spec.id) == [])
    assert "said" in house.log_text(spec)


def test_a_slow_conmon_leaves_no_exit_file_behind_a_removal(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = house.spec("sleep", "100")
    house.engine.start(spec)
    home = house.settings.run_dir / "containers" / spec.id
    monitor = int((home / "conmon.pid").read_text())
    cgroups = house.engine._cgroups
    remove = cgroups.remove

    def remove_late(container_id: str) -> None:
        """conmon comes to itself once its exit file has been deleted, and not before."""
        with suppress(ProcessLookupError):
            os.kill(monitor, signal.SIGCONT)
        time.sleep(0.2)
        remove(container_id)

    monkeypatch.setattr(cgroups, "remove", remove_late)
    os.kill(monitor, signal.SIGSTOP)
    house.engine.remove(spec.id)
    assert not (house.settings.run_dir / "exits" / spec.id).exists()
    until(lambda: house.traces(spec.id) == [])


def test_a_conmon_that_hangs_is_ended_with_its_container(house: House) -> None:
    spec = house.spec("sleep", "100")
    house.engine.start(spec)
    home = house.settings.run_dir / "containers" / spec.id
    monitor = int((home / "conmon.pid").read_text())
    os.kill(monitor, signal.SIGSTOP)
    house.engine.remove(spec.id)
    until(lambda: not Path(f"/proc/{monitor}").exists())
    until(lambda: house.traces(spec.id) == [])


def test_the_container_outlives_the_daemon_and_is_found_again(house: House) -> None:
    container = house.engine.start(house.spec("sleep", "100"))
    daemon = another_daemon(house)
    try:
        assert daemon.get(container.id) == container
        status = daemon.stop(container.id, 60)
        assert status
        assert status.code == 143
    finally:
        daemon.close()


def has_ended(engine: EmbeddedEngine, container_id: str) -> bool:
    container = engine.get(container_id)
    return container is not None and not container.running


def test_an_end_while_the_daemon_was_away_is_told_once_by_the_next(house: House) -> None:
    spec = house.spec("sleep", "100")
    daemon = another_daemon(house)
    container = daemon.start(spec)
    daemon.close()
    house.engine.stop(container.id, 0)  # not known to this one
    os.kill(container.pid, signal.SIGKILL)
    until((house.settings.run_dir / "exits" / spec.id).exists)
    heard: list[Container] = []
    for _ in range(2):
        daemon = another_daemon(house)
        daemon.on_exit(heard.append)
        until(partial(has_ended, daemon, spec.id))
        daemon.close()
    assert [(one.id, one.exit.code) for one in heard if one.exit] == [(spec.id, 137)]


def test_the_end_is_noticed_when_conmon_was_killed_before(house: House) -> None:
    spec = house.spec("sleep", "100")
    container = house.engine.start(spec)
    home = house.settings.run_dir / "containers" / spec.id
    os.kill(int((home / "conmon.pid").read_text()), signal.SIGKILL)
    os.kill(container.pid, signal.SIGKILL)
    until(partial(has_ended, house.engine, spec.id))
    ended = house.engine.get(spec.id)
    assert ended
    assert ended.exit
    assert ended.exit.code == 137


def test_a_conmon_that_takes_long_to_say_how_it_ended_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exits, "MONITOR_TIMEOUT_S", 0.1)
    script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"
    spec = house.spec("/bin/bash", "-c", f"{{ {script}; }}; true")
    container = house.engine.start(spec)
    until(lambda: "ready" in house.log_text(spec))
    monitor = int((house.settings.run_dir / "containers" / spec.id / "conmon.pid").read_text())
    os.kill(monitor, signal.SIGSTOP)
    os.kill(container.pid, signal.SIGTERM)
    assert house.engine.wait(container.id, 1) is None
    os.kill(monitor, signal.SIGCONT)
    status = house.engine.wait(container.id, 30)
    assert status
    assert status.code == 3


def test_a_pid_that_is_somebody_elses_by_now_is_not_taken_for_the_container(house: House) -> None:
    spec = house.spec("sleep", "100")
    house.engine.start(spec)
    record = house.settings.run_dir / "containers" / spec.id / "container.json"
    container = house.engine.get(spec.id)
    assert container
    record.write_text(
        record.read_text().replace(f'"pid": {container.pid}', f'"pid": {os.getpid()}')
    )
    daemon = another_daemon(house)
    try:
        until(partial(has_ended, daemon, spec.id))
    finally:
        daemon.close()


def test_many_starts_at_once_all_succeed(house: House) -> None:
    specs = [house.spec("sleep", "100") for _ in range(8)]
    threads = [threading.Thread(target=house.engine.start, args=(spec,)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {spec.id for spec in specs} <= {one.id for one in house.engine.list() if one.running}
    assert len({one.address for one in house.engine.list()}) == len(house.engine.list())


def test_a_patrol_spares_what_is_just_starting(house: House) -> None:
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            assert house.engine.reconcile(None) == []

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        for _ in range(5):
            spec = house.spec("sleep", "100")
            house.engine.start(spec)
            assert processes.belongs(
                house.engine.get(spec.id).pid,  # type: ignore[union-attr]
                f"/{house.settings.cgroup_name}/{spec.id}",
            )
    finally:
        stop.set()
        thread.join()


CRASH = """
import json, os, sys, threading
from paas.command import Runner
from paas.engines.embedded.engine import EmbeddedEngine
from paas.image.layers import Layers
from paas.network.networks import Networks
from paas.engines.embedded.record import decode_spec
from paas.settings import load
settings = load(dict(os.environ))
layers = Layers(settings.state_dir / "layers")
networks = Networks(settings, Runner())
engine = EmbeddedEngine(settings, Runner(), layers, networks)
print("ready", flush=True)
for line in sys.stdin:
    spec = decode_spec(json.loads(line))
    threading.Thread(target=engine.start, args=(spec,)).start()
"""


def test_a_daemon_killed_at_any_moment_leaves_nothing_that_reconcile_does_not_find() -> None:
    settings = own_settings()
    with house_of(settings) as house:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PAAS_NAME": settings.name,
            "PAAS_STATE_DIR": str(settings.state_dir),
            "PAAS_RUN_DIR": str(settings.run_dir),
            "PAAS_SUBNET_POOL": settings.subnet_pool,
            "PAAS_UID_BASE": str(settings.uid_base),
        }
        for delay_s in (0.0, 0.004, 0.012, 0.02, 0.03, 0.045, 0.06):
            child = subprocess.Popen(
                (sys.executable, "-c", CRASH),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
            )
            assert child.stdin
            assert child.stdout
            assert child.stdout.readline() == "ready\n"
            spec = house.spec("sleep", "100")
            child.stdin.write(encoded(spec) + "\n")
            child.stdin.flush()
            threading.Event().wait(delay_s)
            child.kill()
            child.communicate()
            house.engine.reconcile(())
            until(lambda spec=spec: house.traces(spec.id) == [])  # type: ignore[misc]
        assert house.engine.reconcile(()) == []


def encoded(spec: object) -> str:
    return json.dumps(dataclasses.asdict(spec), default=str)  # type: ignore[call-overload]


def test_runcs_reasons_are_told_in_words_a_user_knows() -> None:
    line = '{"level":"error","msg":"exec: \\"foo\\": executable file not found in $PATH"}'
    assert runtime.reason(line) == "there is no program foo in it"
    assert runtime.reason("") == "runc gave no reason"
    assert runtime.reason("something else") == "something else"


COUNT = "n=0; while :; do n=$((n+1)); echo $n >/app/count; done"


def counter(house: House) -> tuple[Container, Path]:
    """A container that counts in a file without a pause, and the file as the host sees it."""
    container = house.engine.start(house.spec("/bin/sh", "-c", COUNT))
    upper = house.engine.written(container.id)
    assert upper
    until((upper / "app/count").exists)
    return container, upper / "app/count"


def test_a_container_held_still_writes_nothing_and_goes_on_after(house: House) -> None:
    container, _ = counter(house)
    with house.engine.frozen(container.id) as upper:
        before = (upper / "app/count").stat()
        time.sleep(0.2)
        after = (upper / "app/count").stat()
        assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    until(lambda: (upper / "app/count").stat().st_mtime_ns != before.st_mtime_ns)


def test_a_container_held_still_by_a_daemon_that_died_goes_on_with_the_next(house: House) -> None:
    container, count = counter(house)
    left = house.engine.frozen(container.id)
    left.__enter__()
    before = count.stat().st_mtime_ns
    again = another_daemon(house)
    until(lambda: count.stat().st_mtime_ns != before)
    found = again.get(container.id)
    assert found
    assert found.running


def test_a_container_held_still_can_be_removed(house: House) -> None:
    container, _ = counter(house)
    with house.engine.frozen(container.id):
        house.engine.remove(container.id)
        until(lambda: house.traces(container.id) == [])
