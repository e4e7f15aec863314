"""Which callers are given time when the daemon ends."""

import pytest

from paas.doors.ssh.commandline import is_deploy


@pytest.mark.parametrize(
    "line",
    [
        b"git-receive-pack '/blog'",
        b"git receive-pack blog",
        b"deploy blog",
        b"dokku git:sync --build blog https://git.example.com/x",
        b"paas --quiet git:from-archive blog -",
    ],
)
def test_a_push_and_its_like_are_deploys(line):
    assert is_deploy(line)


@pytest.mark.parametrize(
    "line", [b"git-upload-pack blog", b"logs blog -t", b"apps:create deploy", b"", b"\xff", b"'"]
)
def test_others_are_none(line):
    assert not is_deploy(line)
