"""Every failpoint on a push's way, with each thing that can happen there."""

from collections.abc import Iterator

import pytest

from tests.faults import points
from tests.faults.case import Stage, push_meets
from tests.faults.prober import Prober
from tests.faults.stage import deployed, faulty_instance


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with faulty_instance() as instance:
        repository = deployed(instance, "shop")
        deployed(instance, "calm")
        settings = instance.settings
        with Prober(settings.http_port, settings.domain, ("shop", "calm")) as prober:
            yield Stage(instance, repository, prober)


@pytest.mark.parametrize("action", ["kill", "enospc", "eio"])
@pytest.mark.parametrize("point", points.of("push"))
def test_a_push_that_meets_a_fault_leaves_the_old_version_or_the_new_one(
    stage: Stage, point: str, action: str
):
    assert push_meets(stage, point, action) == []
