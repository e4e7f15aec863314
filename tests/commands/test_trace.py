"""trace: a switch that holds for the whole daemon, and over its restarts."""

import logging
from collections.abc import Iterator

import pytest

from paas.commands import trace
from paas.model.app import App
from tests.commands.conftest import NOBODY, Admin, Recorder


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    level = trace.OURS.level
    yield
    trace.OURS.setLevel(level)


def test_what_is_started_is_logged_while_trace_is_on(admin: Admin):
    admin.ok("trace:on")
    assert trace.OURS.isEnabledFor(logging.DEBUG)
    trace.OURS.setLevel(logging.NOTSET)
    trace.apply(admin.platform)  # as a new daemon does
    assert trace.OURS.isEnabledFor(logging.DEBUG)
    admin.ok("trace:off")
    assert trace.OURS.level == logging.NOTSET


def test_a_bug_shows_its_traceback_to_administrators_meanwhile(
    admin: Admin, blog: App, pipeline: Recorder
):
    pipeline.answers["redeploy"] = ZeroDivisionError("a bug")
    admin.ok("trace:on")
    assert "ZeroDivisionError" in admin("config:set", "blog", "A=1").err
    admin.ok("trace:off")
    assert "ZeroDivisionError" not in admin("config:set", "blog", "A=1").err


def test_only_administrators_switch_it(admin: Admin):
    assert admin.fails("trace:on", caller=NOBODY).status == 77
    assert not trace.is_on(admin.platform)
