import pytest

from paas.model.app import App
from paas.model.ports import PortMapping
from tests.commands.conftest import Admin, Recorder


def test_without_any_the_ordinary_port_leads_to_the_usual_one(admin: Admin, deployed: App):
    said = admin.ok("ports:list", "blog").splitlines()
    assert said[0] == "-----> Port mappings for blog"
    assert said[1].split() == ["----->", "scheme", "host", "port", "container", "port"]
    assert said[2].split() == ["http", "80", "5000"]
    assert admin("ports:list", "blog", "--format", "json").json() == [
        {"scheme": "http", "host_port": 80, "container_port": 5000}
    ]


def test_quietly_there_is_nothing_but_the_mappings(admin: Admin, deployed: App):
    admin.ok("ports:add", "blog", "http:8081:9000")
    said = admin.ok("--quiet", "ports:list", "blog").splitlines()
    assert [line.split() for line in said] == [["http", "80", "5000"], ["http", "8081", "9000"]]


def test_added_ones_stand_beside_the_ordinary_one(admin: Admin, deployed: App):
    admin.ok("ports:add", "blog", "http:8081:9000", "https:8443:9001")
    assert admin.ok("ports:report", "blog", "--ports-map").split() == [
        "http:80:5000",
        "http:8081:9000",
        "https:8443:9001",
    ]
    assert admin.ok("ports:report", "blog", "--ports-map-detected").strip() == "http:80:5000"
    assert admin.ok("ports:report", "--global", "--ports-open").split() == [
        "http:8081",
        "https:8443",
    ]
    assert "Add http:8081:9000" in admin.ok("events", "--app", "blog")


def test_adding_a_host_port_again_moves_it(admin: Admin, deployed: App):
    admin.ok("ports:add", "blog", "http:8081:9000")
    admin.ok("ports:add", "blog", "http:8081:9001")
    assert "http:8081:9001" in admin.ok("ports:report", "blog")
    assert "9000" not in admin.ok("ports:report", "blog")


def test_removing_goes_by_port_or_mapping_and_clearing_takes_all(admin: Admin, deployed: App):
    admin.ok("ports:set", "blog", "http:80:5000", "http:8081:9000", "http:8082:9000")
    admin.ok("ports:remove", "blog", "8081", "http:8082:9000")
    assert admin.ok("ports:report", "blog", "--ports-map").strip() == "http:80:5000"
    assert "no mapping 8081" in admin.fails("ports:remove", "blog", "8081").err
    admin.ok("ports:clear", "blog")
    assert admin.ok("ports:report", "blog", "--ports-map").strip() == ""


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ("http:22:5000", "below 1024"),
        ("https:80:5000", "port 80 is for http"),
        ("http:443:5000", "443 for https"),
        ("grpcs:443:5000", "443 for https"),
        ("tcp:8081:5000", "schemes: http, https"),
        ("8081:5000", "scheme:host-port:container-port"),
    ],
)
def test_what_no_app_can_have_is_refused_with_the_reason(
    admin: Admin, deployed: App, mapping: str, why: str
):
    assert why in admin.fails("ports:add", "blog", "http:8081:9000", mapping).err
    assert admin.platform.store.ports.list(deployed) == []


def test_the_platforms_own_ports_are_refused(admin: Admin, deployed: App):
    settings = admin.platform.settings
    for port in (settings.ssh_port, settings.http_port, settings.https_port):
        if port >= 1024:
            said = admin.fails("ports:add", "blog", f"http:{port}:5000").err
            assert f"port {port} is" in said


def test_one_host_port_leads_to_one_port(admin: Admin, deployed: App):
    said = admin.fails("ports:set", "blog", "http:8081:9000", "http:8081:9001").err
    assert "can lead to one port of the app only" in said


def test_another_web_port_replaces_what_runs_and_others_do_not(
    admin: Admin, deployed: App, pipeline: Recorder
):
    admin.ok("ports:add", "blog", "http:8081:9000")
    assert pipeline.calls == []
    assert admin.platform.store.ports.list(deployed)[0] == PortMapping("http", 80, 5000)
    admin.ok("ports:add", "--no-restart", "blog", "http:80:9000")
    assert pipeline.calls == []
    admin.ok("ports:add", "blog", "http:80:9001")
    assert [(name, arguments[0]) for name, arguments in pipeline.calls] == [("restart", "blog")]
