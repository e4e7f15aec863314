"""How long somebody waits for a volume that containers are about to let go of."""

from types import SimpleNamespace
from typing import Any

from paas.deploy import volumes
from paas.model.container import Kind

MOUNT = SimpleNamespace(beneath="", ids=1)
LEAVING = SimpleNamespace(id="abc", app="gone", kind=Kind.APP, hostname="web.1", mounts=[MOUNT])


def platform(looks: int) -> Any:
    """One where a container of no app has the volume for so many looks; no time is given it."""
    having = [[LEAVING]] * looks
    return SimpleNamespace(
        settings=SimpleNamespace(drain_s=0.0, stop_grace_s=0.0),
        store=SimpleNamespace(apps=SimpleNamespace(find=lambda _: None)),
        volumes=SimpleNamespace(place=lambda _: SimpleNamespace(root="/", beneath="")),
        engine=SimpleNamespace(mounting=lambda _: having.pop() if having else []),
    )


def waited(made: Any) -> list[Any]:
    console: Any = SimpleNamespace(step=lambda _: None, check_cancelled=lambda: None)
    return volumes.free(made, SimpleNamespace(name="kept"), console)  # type: ignore[arg-type]


def test_a_container_whose_grace_is_over_is_given_the_time_to_be_taken_away() -> None:
    assert waited(platform(looks=3)) == []
