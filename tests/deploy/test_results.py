"""What a build container leaves behind is read with suspicion."""

import os
from pathlib import Path

import pytest

from paas.deploy.build import process_types
from paas.deploy.dependencies import LayerPlan
from paas.deploy.source import Source
from paas.deploy.workshop import RESULT_BYTES, read_result
from paas.errors import PaasError
from paas.model import app_json
from paas.model.push import Push


def test_a_result_is_a_json_object_in_a_regular_file(tmp_path: Path):
    (tmp_path / "plan.json").write_text('{"layers": []}')
    assert read_result(tmp_path / "plan.json") == {"layers": []}


def test_a_link_in_place_of_a_result_is_not_followed(tmp_path: Path):
    (tmp_path / "secret").write_text('{"secret": 1}')
    (tmp_path / "plan.json").symlink_to(tmp_path / "secret")
    assert read_result(tmp_path / "plan.json") == {}


def test_a_pipe_in_place_of_a_result_does_not_hang_the_daemon(tmp_path: Path):
    os.mkfifo(tmp_path / "plan.json")
    assert read_result(tmp_path / "plan.json") == {}


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '"x"', "[" * 100_000])
def test_anything_but_an_object_counts_as_nothing(tmp_path: Path, text: str):
    (tmp_path / "plan.json").write_text(text)
    assert read_result(tmp_path / "plan.json") == {}


def test_a_huge_result_is_not_read_whole(tmp_path: Path):
    (tmp_path / "plan.json").write_text('{"a": "' + "x" * RESULT_BYTES + '"}')
    assert read_result(tmp_path / "plan.json") == {}


@pytest.mark.parametrize(
    "document",
    [
        *(None, [], {}, {"pack": "../x", "name": "a"}, {"pack": "a", "name": "b/c"}, {"pack": "a"}),
        {"pack": "a", "name": "b", "shared": True, "system": "host"},
        {"pack": "a", "name": "b", "shared": False, "system": "run"},
    ],
)
def test_a_layer_of_a_strange_form_is_refused(document: object):
    with pytest.raises(PaasError):
        LayerPlan.parse(document)


def source_with(processes: dict[str, str] | None) -> Source:
    push = Push("blog", "main", "0" * 40, "1" * 40)
    return Source(push, {}, processes, app_json.parse("{}"))


def test_a_procfile_replaces_the_buildpacks_defaults():
    results = {"processes": {"web": "default", "other": "x"}, "procfile": "web: mine\n"}
    assert process_types(source_with(None), results) == {"web": "mine"}


def test_without_a_procfile_the_buildpacks_defaults_run():
    assert process_types(source_with(None), {"processes": {"web": "d"}}) == {"web": "d"}


def test_nothing_to_run_says_how_to_write_a_procfile():
    with pytest.raises(PaasError, match="nothing to run") as caught:
        process_types(source_with(None), {})
    assert "Procfile" in caught.value.hint
