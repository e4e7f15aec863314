"""The name service: one process of ours, adopted, revived, gone when told."""

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from paas.command import Runner
from paas.doors.daemon import raise_descriptor_limit
from paas.errors import PaasError
from paas.network import dns
from paas.network.dns import world_names
from paas.network.networks import Networks
from paas.polling import readable
from paas.settings import Settings


def test_a_restarted_daemon_adopts_the_running_one(networks: Networks, settings: Settings) -> None:
    before = networks.forwarder.pid()
    again = world_names(settings, Runner())
    again.ensure()
    assert again.pid() == before
    again.close()


def test_one_that_was_killed_comes_back(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = networks.forwarder.pid()
    assert before
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while networks.forwarder.pid() in (None, before):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_watched_also_by_a_daemon_with_thousands_of_open_files(networks: Networks) -> None:
    pid = networks.forwarder.pid()
    assert pid
    raise_descriptor_limit()
    process = os.pidfd_open(pid)
    beyond = fcntl.fcntl(process, fcntl.F_DUPFD_CLOEXEC, 3000)
    os.close(process)
    assert readable([beyond], 0.01) == set()
    networks.forwarder.stop()
    assert readable([beyond], 60) == {beyond}
    os.close(beyond)


def test_a_pid_file_of_another_process_is_not_believed(settings: Settings) -> None:
    forwarder = world_names(settings, Runner())
    forwarder.pid_file.write_text(str(os.getpid()))
    assert forwarder.pid() is None


def test_it_is_not_root(networks: Networks) -> None:
    status = Path(f"/proc/{networks.forwarder.pid()}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:"))
    assert "0" not in uids.split()[1:]


def test_it_listens_on_one_address_only(networks: Networks) -> None:
    listed = Runner().run(("ss", "-Hlnup")).text
    ours = [line for line in listed.splitlines() if f"pid={networks.forwarder.pid()}," in line]
    assert {line.split()[3] for line in ours} == {f"{networks.settings.dns_address}:53"}


def test_a_port_in_use_says_what_to_look_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns, "command", lambda *_: ("sh", "-c", "echo in use >&2; exit 2"))
    with pytest.raises(PaasError, match="in use") as error:
        world_names(settings, Runner()).ensure()
    assert "port 53" in error.value.hint
