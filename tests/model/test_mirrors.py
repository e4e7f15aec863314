"""Mirrors: what may be one, and which variables name it."""

import pytest

from paas.errors import UsageError
from paas.model import mirrors


@pytest.mark.parametrize(
    "text",
    [
        "https://mirror.example.com/simple/",
        "http://10.0.0.2:8081/repository/npm",
        "https://a.example|https://b.example,direct",
        "off",
    ],
)
def test_an_address_or_gos_list_of_them_is_taken(text: str):
    assert mirrors.address(text) == text


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "mirror.example.com", "https://a b", "https://a,x"]
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(UsageError, match="http or https address"):
        mirrors.address(text)


def test_a_password_is_refused_and_not_repeated():
    with pytest.raises(UsageError, match="must not hold a password") as caught:
        mirrors.address("https://me:secret@mirror.example.com/")
    assert "secret" not in caught.value.message + caught.value.hint


def test_one_address_is_given_to_every_tool_of_its_ecosystem():
    found = mirrors.variables({"pypi": "https://p/simple", "go": "https://g,direct"})
    assert found["PIP_INDEX_URL"] == found["UV_DEFAULT_INDEX"] == "https://p/simple"
    assert found["GOPROXY"] == "https://g,direct"
    assert "NPM_CONFIG_REGISTRY" not in found
