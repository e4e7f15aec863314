"""Apps that talk to each other: on a network they share, by name, and in no other way."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.instance import Instance
from tests.e2e.samples import SERVER

FILES = {"server.py": SERVER, "Procfile": "web: python3 server.py\nworker: sleep infinity\n"}
FETCH = """
import socket, sys, urllib.request
for name in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(f"http://{name}:5000/", timeout=30).read().decode().strip())
    except OSError as error:
        print(type(getattr(error, "reason", error)).__name__)
"""
ADDRESSES = """
import socket, sys
for name in sys.argv[1:]:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, 1, socket.AF_INET)}
    except socket.gaierror:
        found = set()
    print(len(found))
"""
REFUSED = {"timeout", "TimeoutError", "ConnectionRefusedError", "PermissionError", "OSError"}


@pytest.fixture(scope="module")
def apps(platform: Instance) -> Iterator[Instance]:
    """shop and stock share a network; spy is on another one, and lone on none."""
    for name in ("backend", "elsewhere"):
        platform.ok("network:create", name)
    attached = {"shop": "backend", "stock": "backend", "spy": "elsewhere", "lone": ""}
    for app, network in attached.items():
        platform.ok("apps:create", app)
        if network:
            platform.ok("network:set", app, "attach-post-create", network)
        platform.repository(app).deploy({**FILES, "page.txt": f"the page of {app}"})
    yield platform
    for app in attached:
        platform.ok("network:set", app, "attach-post-create")
        platform.ok("network:rebuild", app)
    for name in ("backend", "elsewhere"):
        platform.ok("--force", "network:destroy", name)


def python(platform: Instance, app: str, program: str, *words: str) -> list[str]:
    return platform.ok("enter", app, "web", "python3", "-c", program, *words).splitlines()


def fetched(platform: Instance, app: str, *names: str) -> list[str]:
    return python(platform, app, FETCH, *names)


def found(platform: Instance, app: str, *names: str) -> list[int]:
    """How many addresses each name has for an app."""
    return [int(line) for line in python(platform, app, ADDRESSES, *names)]


def address_on(platform: Instance, network: str, app: str) -> str:
    info = json.loads(platform.ok("network:info", network, "--format", "json"))
    return str(next(one["address"] for one in info["containers"] if one["app"] == app))


def test_apps_on_one_network_find_and_reach_each_other_by_every_name(apps: Instance):
    names = ("stock", "stock.web", "web.1.stock")
    assert fetched(apps, "shop", *names) == ["the page of stock"] * 3
    assert fetched(apps, "stock", "shop.web") == ["the page of shop"]
    assert apps.get("shop").text == "the page of shop"


def test_whoever_is_not_on_it_neither_learns_a_name_nor_reaches_an_address(apps: Instance):
    address = address_on(apps, "backend", "stock")
    for app in ("spy", "lone"):
        assert found(apps, app, "stock", "stock.web", "web.1.stock") == [0, 0, 0]
        assert fetched(apps, app, address)[0] in REFUSED
    own = json.loads(apps.ok("ps:inspect", "stock"))[0]["address"]
    assert fetched(apps, "shop", own)[0] in REFUSED


def test_a_name_of_the_world_that_leads_to_an_app_inside_leads_nowhere(apps: Instance):
    """DNS rebinding: somebody's name server answers with an address of another app."""
    address = address_on(apps, "backend", "stock")
    program = FETCH.replace(
        "import socket,", "import socket as s\ns.getaddrinfo = lambda *a, **k: "
        f"[(2, 1, 6, '', ({address!r}, 5000))]\nimport socket,"
    )  # fmt: skip
    assert python(apps, "lone", program, "evil.example.com")[0] in REFUSED


def test_names_follow_a_scale_and_take_turns(apps: Instance):
    apps.ok("ps:scale", "stock", "web=3")
    assert found(apps, "shop", "stock", "web.3.stock", "web.4.stock") == [3, 1, 0]
    apps.ok("ps:scale", "stock", "web=1", "worker=1")
    assert found(apps, "shop", "stock", "web.3.stock", "stock.worker") == [1, 0, 1]
    apps.ok("ps:scale", "stock", "worker=0")


def test_while_an_app_is_deployed_its_name_always_leads_to_it(apps: Instance):
    """Never nowhere, never to another app, and never back to an old release."""
    program = """
import select, sys, urllib.request
seen = []
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        text = urllib.request.urlopen("http://stock.web:5000/env/PAAS_RELEASE", timeout=30).read()
        found = text.decode()
    except OSError as error:
        found = repr(error)
    if found not in seen[-1:]:
        seen.append(found)
        print(found, flush=True)
"""
    client = [str(apps.checkout / "bin" / "paas"), "enter", "shop", "web", "python3", "-c", program]
    child = subprocess.Popen(
        client, env=apps.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert child.stdout is not None
    versions = [child.stdout.readline().decode().strip()]
    for number in (1, 2):
        apps.ok("config:set", "stock", f"CHANGED={number}")
        versions.append(child.stdout.readline().decode().strip())
    rest, _ = child.communicate(timeout=60)  # it ends with its input
    first = int(versions[0].removeprefix("v"))
    assert versions == [f"v{first + number}" for number in range(3)]
    assert rest == b""


def test_an_app_that_stops_or_is_renamed_is_found_as_it_is(apps: Instance):
    apps.ok("apps:rename", "stock", "goods")
    try:
        assert fetched(apps, "shop", "goods.web") == ["the page of stock"]
        assert found(apps, "shop", "stock.web") == [0]
        apps.ok("ps:stop", "goods")
        assert found(apps, "shop", "goods.web") == [0]
    finally:
        apps.ok("apps:rename", "goods", "stock")
        apps.ok("ps:start", "stock")
    assert found(apps, "shop", "stock.web") == [1]


def test_a_network_is_joined_by_what_runs_and_only_once_it_is_healthy(apps: Instance):
    apps.ok("network:set", "lone", "attach-post-deploy", "backend")
    assert fetched(apps, "lone", "stock") == ["the page of stock"]
    assert fetched(apps, "shop", "lone") == ["the page of lone"]
    apps.ok("ps:restart", "lone")
    assert fetched(apps, "shop", "lone") == ["the page of lone"]
    apps.ok("network:set", "lone", "attach-post-deploy")
    apps.ok("network:rebuild", "lone")
    assert found(apps, "lone", "stock") == [0]
    assert found(apps, "shop", "lone") == [0]


def test_one_off_runs_are_on_their_apps_networks(apps: Instance):
    text = apps.ok("run", "shop", "--", "python3", "-c", FETCH, "stock.web")
    assert text.strip() == "the page of stock"


def test_a_custom_ending_is_added_to_every_name(apps: Instance):
    apps.ok("network:set", "stock", "tld", "svc.internal")
    assert fetched(apps, "shop", "stock.web.svc.internal", "stock.svc.internal") == [
        *["the page of stock"] * 2
    ]
    apps.ok("network:set", "stock", "tld")


def test_names_outlive_the_daemon(apps: Instance):
    apps.kill()
    apps.launch()
    apps.wait_until_up()
    assert fetched(apps, "shop", "stock", "web.1.stock") == ["the page of stock"] * 2


def test_requests_go_where_a_listener_is_that_the_platform_does_not_run(apps: Instance):
    program = (
        "import http.server as s, socketserver\n"
        "class H(s.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'from outside')\n"
        "server = s.HTTPServer(('127.0.0.1', 0), H); print(server.server_port, flush=True)\n"
        "server.serve_forever()"
    )
    child = subprocess.Popen(
        ["python3", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert child.stdout
        port = child.stdout.readline().decode().strip()
        apps.ok("apps:create", "outside")
        apps.ok("network:set", "outside", "static-web-listener", f"127.0.0.1:{port}")
        assert apps.get("outside").text == "from outside"
        apps.ok("--force", "apps:destroy", "outside")
    finally:
        child.kill()
        child.wait()


def test_the_end_of_an_app_takes_its_names_along(apps: Instance):
    apps.ok("apps:create", "shortlived")
    apps.ok("network:set", "shortlived", "attach-post-create", "backend")
    apps.repository("shortlived").deploy({**FILES, "page.txt": "shortlived"})
    assert fetched(apps, "shop", "shortlived") == ["shortlived"]
    apps.ok("--force", "apps:destroy", "shortlived")
    assert found(apps, "shop", "shortlived", "brief.web") == [0, 0]
