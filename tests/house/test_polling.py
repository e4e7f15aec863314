"""Descriptors are waited for whatever their number: hundreds of containers have thousands open."""

import fcntl
import os
import re
from pathlib import Path

from paas.doors.daemon import raise_descriptor_limit
from paas.polling import readable

PROGRAM = Path(__file__).resolve().parents[2] / "paas"


def test_a_descriptor_beyond_the_thousandth_is_waited_for_like_any_other():
    raise_descriptor_limit()
    reader, writer = os.pipe()
    beyond = fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, 3000)
    assert readable([beyond], 0.01) == set()
    os.write(writer, b".")
    assert readable([beyond]) == {beyond}
    os.read(reader, 1)
    os.close(writer)
    assert readable([beyond]) == {beyond}  # hung up
    os.close(reader)
    os.close(beyond)


def test_nobody_waits_with_select():
    found = [
        path for path in PROGRAM.rglob("*.py") if re.search(r"\bselect\.select\(", path.read_text())
    ]
    assert found == []
