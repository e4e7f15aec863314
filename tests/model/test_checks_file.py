"""dokku's old CHECKS file."""

import json

import pytest

from paas.errors import PaasError
from paas.model import app_json, checks_file

TEXT = """
# wait a little
WAIT=3
TIMEOUT=20
ATTEMPTS=4
/                     My Amazing App
/stylesheets/index.css
http://shop.example.com/up?x=1   it is up
//other.example.com/
"""


def test_the_file_reads_as_healthchecks_of_app_json():
    document = {"healthchecks": {"web": checks_file.parse(TEXT)}}
    found = app_json.parse(json.dumps(document)).healthchecks["web"]
    assert [(one.path, one.content) for one in found] == [
        ("/", "My Amazing App"),
        ("/stylesheets/index.css", ""),
        ("/up?x=1", "it is up"),
        ("/", ""),
    ]
    assert {(one.wait_s, one.timeout_s, one.attempts) for one in found} == {(3, 20, 4)}
    assert found[2].headers == (("Host", "shop.example.com"),)


def test_a_file_without_a_check_has_none():
    assert checks_file.parse("WAIT=3\n# nothing\n") == []


@pytest.mark.parametrize("line", ["WAIT=soon", "stylesheets/index.css", "RETRIES=3", "ftp://x/"])
def test_a_line_that_is_neither_is_named(line: str):
    with pytest.raises(PaasError, match="CHECKS: line 2 is neither"):
        checks_file.parse(f"/up\n{line}\n")
