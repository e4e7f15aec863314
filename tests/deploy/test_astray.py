"""What is said of an app that listens somewhere else."""

import pytest

from paas.deploy import astray


@pytest.mark.parametrize(
    ("listening", "cause", "remedy"),
    [
        ([], "it listens on no port yet", "listen on 0.0.0.0 and on the port in the PORT"),
        (
            [("127.0.0.1", 5000)],
            "it listens on 127.0.0.1:5000, which only the container itself can reach",
            "listen on 0.0.0.0 instead of 127.0.0.1 or localhost",
        ),
        (
            [("::1", 5000)],
            "it listens on [::1]:5000, which only the container itself can reach",
            "listen on 0.0.0.0 instead of ::1 or localhost",
        ),
        (
            [("0.0.0.0", 8000)],
            "it listens on 0.0.0.0:8000, not on 0.0.0.0:5000",
            "listen on the port in the PORT variable (5000 here) instead of 8000",
        ),
        (
            [("127.0.0.1", 3000)],
            "it listens on 127.0.0.1:3000, not on 0.0.0.0:5000",
            "listen on 0.0.0.0 and on the port in the PORT variable",
        ),
        (
            [("0.0.0.0", 9090), ("127.0.0.1", 5000)],
            "it listens on 127.0.0.1:5000, which only the container itself can reach",
            "listen on 0.0.0.0 instead of",
        ),
    ],
)
def test_the_address_the_port_and_the_fix_are_named(listening, cause, remedy):
    assert astray.cause(listening, 5000) == cause
    assert astray.remedy(listening, 5000).startswith(remedy)
