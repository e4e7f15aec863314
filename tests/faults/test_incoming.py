"""What comes in without a push, while the disk is full or failing, or the daemon is killed."""

import io
import tarfile

import pytest

from tests.faults.case import meets
from tests.faults.operations import Operation
from tests.faults.points import in_code
from tests.faults.stage import FILES, Done, Stage

APP = "packed"


def archive(page: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as made:
        for name, text in {**FILES, "name.txt": APP, "page.txt": page}.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            made.addfile(info, io.BytesIO(text.encode()))
    return target.getvalue()


def page(stage: Stage) -> str:
    answer = stage.instance.get(APP)
    return answer.text.split()[2] if answer.status_code == 200 else "none"


def deploy(stage: Stage) -> Done:
    return stage.instance.paas("deploy", APP, stdin=archive(str(stage.page)))


def prepare(stage: Stage) -> tuple[str, str]:
    """Files that are not deployed yet."""
    before = page(stage)
    stage.page += 1
    return before, str(stage.page)


@pytest.fixture(scope="module")
def packing(stages: list[Stage]) -> Operation:
    stage = stages[0]
    stage.instance.variables["PAAS_PACKED"] = "1"  # the archive is made already
    done = stage.instance.paas("deploy", APP, stdin=archive("0"))
    assert done.returncode == 0, done.stderr
    return Operation("archive", prepare, deploy, page)


@pytest.mark.parametrize("point", sorted(one for one in in_code() if one.startswith("incoming.")))
def test_an_archive_is_deployed_or_is_not_whatever_happens(
    stage: Stage, packing: Operation, point: str
):
    problems = meets(stage, packing, point, ("enospc", "kill"))
    assert not problems, "\n".join(problems)
