"""Port mappings as people write them."""

import pytest

from paas.errors import UsageError
from paas.model.ports import PortMapping, mapping


def test_a_mapping_is_scheme_host_port_and_container_port():
    assert mapping("http:80:5000") == PortMapping("http", 80, 5000)
    assert str(mapping("https:443:08080")) == "https:443:8080"


@pytest.mark.parametrize(
    "text",
    ["", "80", "80:5000", "tcp:80:5000", "http:0:5000", "http:80:65536", "http:80:5000:1",
     "http:\u0663:1", "http:80:-1", "HTTP:80:1", "http:80:5000\n", "http:999999:1"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_form_it_should_have(text: str):
    with pytest.raises(UsageError):
        mapping(text)
