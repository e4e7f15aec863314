"""What every engine promises, held against the embedded one and the fake."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paas.engines.base import Engine, Streams
from paas.errors import PaasError
from paas.model.container import Container, ContainerSpec, Kind, new_container_id
from tests.engines.conftest import House, collect, until
from tests.engines.fake import FakeEngine

Make = Callable[..., ContainerSpec]


def fake_spec(*argv: str, **changes: object) -> ContainerSpec:
    values = {"app": "blog", "slot": 1, "kind": Kind.APP, "process": "web", "index": 1}
    return ContainerSpec(id=new_container_id(), layers=(), argv=argv, **{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(params=["embedded", "fake"])
def parts(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, Make]]:
    if request.param == "fake":
        yield FakeEngine(), fake_spec
        return
    house: House = request.getfixturevalue("house")
    yield house.engine, house.spec
    for container_id in house.started:
        house.engine.remove(container_id)


@pytest.fixture
def engine(parts: tuple[Engine, Make]) -> Engine:
    return parts[0]


@pytest.fixture
def spec(parts: tuple[Engine, Make]) -> Make:
    return parts[1]


def test_a_started_container_runs_and_is_listed(engine: Engine, spec: Make) -> None:
    wanted = spec("sleep", "100")
    container = engine.start(wanted)
    assert container.running
    assert container.pid > 0
    assert engine.get(wanted.id) == container
    assert container in engine.list()
    assert container in engine.list("blog")
    assert engine.list("blo") == []


def test_stopping_gives_the_exit_status_and_keeps_it_listed(engine: Engine, spec: Make) -> None:
    container = engine.start(spec("sleep", "100"))
    status = engine.stop(container.id, 60)
    assert status is not None
    assert status.code == 143
    assert not status.out_of_memory
    stopped = engine.get(container.id)
    assert stopped is not None
    assert stopped.exit == status


def test_removing_forgets_it_and_may_be_repeated(engine: Engine, spec: Make) -> None:
    container = engine.start(spec("sleep", "100"))
    engine.remove(container.id)
    engine.remove(container.id)
    assert engine.get(container.id) is None
    assert engine.stop(container.id, 1) is None


def test_listeners_hear_of_an_end_with_its_code(engine: Engine, spec: Make) -> None:
    heard: list[Container] = []
    engine.on_exit(heard.append)
    container = engine.start(spec("/bin/sh", "-c", "exit 3"))
    until(lambda: heard)
    assert [(one.id, one.exit.code) for one in heard if one.exit] == [(container.id, 3)]


def test_a_container_that_was_removed_is_not_heard_of(engine: Engine, spec: Make) -> None:
    heard: list[str] = []
    engine.on_exit(lambda container: heard.append(container.id))
    container = engine.start(spec("sleep", "100"))
    engine.remove(container.id)
    other = engine.start(spec("/bin/sh", "-c", "exit 0"))
    until(lambda: other.id in heard)
    assert container.id not in heard


def test_a_foreground_process_gets_its_streams_and_gives_its_code(
    engine: Engine, spec: Make
) -> None:
    status, text = collect(lambda streams: engine.spawn(spec("cat"), streams), b"over and out\n")
    assert (status.code, text) == (0, "over and out\n")


def test_waiting_for_a_session_may_time_out_and_killing_ends_it(engine: Engine, spec: Make) -> None:
    session = engine.spawn(spec("sleep", "100"), Streams())
    assert session.wait(0.05) is None
    session.kill()
    status = session.wait(60)
    assert status is not None
    assert status.code == 137
    session.close()
    session.close()


def test_a_session_is_no_container(engine: Engine, spec: Make) -> None:
    wanted = spec("sleep", "100")
    session = engine.spawn(wanted, Streams())
    assert engine.get(wanted.id) is None
    engine.reconcile([])
    assert session.wait(0.05) is None
    session.close()


def test_a_process_can_join_a_running_container(engine: Engine, spec: Make) -> None:
    container = engine.start(spec("sleep", "100"))
    status, text = collect(
        lambda streams: engine.execute(container.id, ("echo", "inside"), {}, streams)
    )
    assert (status.code, text) == (0, "inside\n")


def test_a_guest_is_listed_until_it_ends_and_keeps_its_status(engine: Engine, spec: Make) -> None:
    container = engine.start(spec("sleep", "100"))
    guest, wire = engine.lodge(container.id, "enter.1", ("sleep", "90"), {}, (24, 80))
    wire.close()
    (found,) = engine.guests()
    assert (found.name, found.container.id) == ("enter.1", container.id)
    assert found.wait(0.05) is None
    found.kill()
    for one in (found, guest):
        status = one.wait(60)
        assert status
        assert status.code == 137
    assert engine.guests() == []
    short, wire = engine.lodge(container.id, "enter.1", ("/bin/sh", "-c", "exit 3"), {}, (24, 80))
    wire.close()
    status = short.wait(60)
    assert status
    assert status.code == 3


def test_guests_end_with_their_container(engine: Engine, spec: Make) -> None:
    container = engine.start(spec("sleep", "100"))
    guest, wire = engine.lodge(container.id, "enter.1", ("sleep", "90"), {}, (24, 80))
    wire.close()
    engine.remove(container.id)
    until(lambda: guest.wait(0) is not None)
    assert engine.guests() == []
    with pytest.raises(PaasError, match="not running"):
        engine.lodge(container.id, "enter.1", ("sleep", "90"), {}, (24, 80))


def test_nothing_can_join_a_container_that_has_ended(engine: Engine, spec: Make) -> None:
    container = engine.start(spec("sleep", "100"))
    engine.stop(container.id, 5)
    with pytest.raises(PaasError, match="not running"):
        engine.execute(container.id, ("echo",), {}, Streams())


def test_reconcile_removes_what_is_not_kept(engine: Engine, spec: Make) -> None:
    kept, lost = engine.start(spec("sleep", "100")), engine.start(spec("sleep", "100"))
    others = {one.id for one in engine.list()} - {lost.id}
    removed = engine.reconcile(others)
    assert len(removed) == 1
    assert lost.id in removed[0]
    assert engine.get(lost.id) is None
    assert engine.get(kept.id) is not None
    assert engine.reconcile(others) == []


def test_the_callers_descriptors_stay_its_own(engine: Engine, spec: Make, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        session = engine.spawn(spec("echo", "kept"), Streams(None, file.fileno(), None))
        session.wait(60)
        session.close()
        os.fstat(file.fileno())
    assert (tmp_path / "out").read_text() == "kept\n"
