"""Judging a commit's tree: pure rules of paas.deploy.source and .receive."""

import pytest

from paas.deploy import source
from paas.deploy.receive import judge
from paas.errors import PaasError
from paas.model.push import NOTHING, TreeEntry, Update


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("a", "b", False),
        ("folder/a", "../b", False),
        ("a", "../b", True),
        ("folder/a", "../../b", True),
        ("a", "/etc/passwd", True),
        ("a", "folder/../../x", True),
        ("deep/er/a", "../../b", False),
        ("a", "..", True),
    ],
)
def test_a_link_that_leaves_the_tree_is_recognised(path: str, target: str, leaves: bool):
    assert source.escapes(path, target) is leaves


@pytest.mark.parametrize(
    ("path", "target", "left_out"),
    [
        ("env/bin/python3", "/usr/bin/python3", True),
        (".venv/bin/python3.12", "/home/me/.pyenv/versions/3.12.1/bin/python3.12", True),
        ("env/bin/python", "../../../bin/python3", False),
        ("env/bin/python", "/etc/shadow", False),
        ("config/keys", "/usr/bin/python3", False),
        ("bin/python3", "/usr/bin/python3/../../../etc/shadow", False),
    ],
)
def test_a_virtual_environments_python_is_no_way_out(path: str, target: str, left_out: bool):
    assert source.is_interpreter(path, target) is left_out


def test_a_submodule_is_refused_by_name():
    entries = [TreeEntry("100644", "0" * 40, 3, "a"), TreeEntry("160000", "1" * 40, 0, "lib/x")]
    with pytest.raises(PaasError, match="lib/x is a git submodule"):
        source.refuse_submodules(entries)


@pytest.mark.parametrize(
    ("new", "ref", "words"),
    [
        (NOTHING, "refs/heads/main", "deleting refs/heads/main is refused"),
        ("1" * 40, "refs/tags/v1", "tags are not deployed"),
        ("1" * 40, "refs/notes/x", "is not a branch"),
        ("1" * 40, "refs/heads/a..b", "not a branch name"),
        ("1" * 40, "refs/heads/-x", "not a branch name"),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_a_sentence(new: str, ref: str, words: str):
    with pytest.raises(PaasError, match=words):
        judge(Update(NOTHING, new, ref))


def test_an_ordinary_branch_passes():
    judge(Update(NOTHING, "1" * 40, "refs/heads/feature/one"))
