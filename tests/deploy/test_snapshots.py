"""Which suites of Debian a stack may be made of."""

import pytest

from paas.deploy.snapshots import refuse_old
from paas.errors import PaasError


@pytest.mark.parametrize("version", ["3.11.2-1+b1", "3.13.5-1", "1:3.14-1"])
def test_a_suite_whose_python_runs_builds_is_taken(version: str):
    refuse_old("other", ["Inst bash (5.2)", f"Inst python3 ({version} Debian:12/stable [amd64])"])


def test_a_suite_that_is_too_old_for_builds_is_refused_before_it_is_made():
    said = ["Inst python3-minimal (3.9.2-3)", "Inst python3 (3.9.2-3 Debian:11/oldoldstable)"]
    with pytest.raises(PaasError, match=r"bullseye has Python 3\.9, and builds need 3\.11"):
        refuse_old("bullseye", said)
