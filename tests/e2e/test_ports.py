"""Ports: several ports of an app, and an app that listens elsewhere."""

import pytest
import requests

from tests.conftest import free_port
from tests.e2e import images
from tests.e2e.instance import Instance

BOTH = (
    "mkdir /admin; echo for-admins > /admin/index.html; httpd -p 9000 -h /admin; "
    "exec httpd -f -p 8080 -h /www"
)


@pytest.fixture(scope="module")
def double(platform: Instance) -> str:
    """An image that listens on two ports, and exposes one."""
    platform.ok("apps:create", "double")
    data = images.archive(Cmd=["/bin/sh", "-c", BOTH])
    platform.ok("git:load-image", "double", "x:latest", stdin=data)
    return "double"


def at(platform: Instance, app: str, port: int) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}", headers={"Host": host(app)}, timeout=20)


def host(app: str) -> str:
    return f"{app}.example.org"


def test_a_second_port_is_opened_and_closed(platform: Instance, double: str):
    port = free_port()
    platform.ok("domains:add", double, host(double))
    platform.ok("ports:add", double, f"http:{port}:9000")
    assert at(platform, double, port).text == "for-admins\n"
    assert at(platform, double, platform.settings.http_port).text == "from an image"
    rows = platform.json("ports:list", double)
    assert [row["host_port"] for row in rows] == [80, port]  # type: ignore[index]
    platform.ok("ps:restart", double)
    assert at(platform, double, port).text == "for-admins\n"
    platform.ok("ports:remove", double, str(port))
    with pytest.raises(requests.ConnectionError):
        at(platform, double, port)


def test_an_app_listens_where_its_ordinary_port_leads(platform: Instance):
    repository = platform.repository("ported")
    repository.deploy({"Procfile": "web: python3 -m http.server $PORT", "page": "one"})
    platform.ok("ports:set", "ported", "http:80:7000")
    assert platform.get("ported", "/page").text == "one"
    assert platform.ok("enter", "ported", "web", "sh", "-c", "echo $PORT").strip() == "7000"


def test_ports_of_the_server_are_refused(platform: Instance, double: str):
    done = platform.ssh("ports:add", double, "http:22:8080")
    assert done.returncode == 1
    assert "below 1024" in done.stderr.decode()
