"""Ports for gRPC: HTTP/2 to the client and to the app, by another nginx that speaks it."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paas.model.certificate import self_signed
from paas.model.ports import PortMapping
from paas.model.route import Guard, Peer, Route, RouteState
from paas.proxy.proxy import Proxy
from tests.conftest import free_port
from tests.proxy.conftest import Shelf
from tests.proxy.test_passing import wait_for

APP = """
daemon off;
pid {root}/pid;
error_log {root}/error.log;
events {{ }}
http {{
    access_log off;
    server {{
        listen 127.0.0.2:{port} http2;
        location / {{ return 200 "$server_protocol $http_x_forwarded_proto"; }}
    }}
}}
"""


@pytest.fixture
def blog(tmp_path: Path) -> Iterator[Route]:
    """An app that speaks HTTP/2 without TLS, as gRPC servers do."""
    port = free_port()
    (tmp_path / "conf").write_text(APP.format(root=tmp_path, port=port))
    argv = ["nginx", "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/conf"]
    process = subprocess.Popen(argv)
    assert wait_for(lambda: listening("127.0.0.2", port))
    yield Route("blog", ("blog.test",), (Peer("127.0.0.2", port),), RouteState.SERVING)
    process.terminate()
    process.wait()


def listening(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def curl(*argv: str) -> str:
    """What is answered."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "60", *argv], capture_output=True, text=True
    )
    return done.stdout or done.stderr


def test_grpc_is_passed_on_as_it_is_with_and_without_tls(
    proxy: Proxy, blog: Route, shelf: Shelf
) -> None:
    plain, secure = free_port(), free_port()
    certificate = shelf.add(self_signed(["blog.test"]))
    ports = (PortMapping("grpc", plain, 0), PortMapping("grpcs", secure, 0))
    proxy.publish(replace(blog, ports=ports, certificate=certificate))
    hosts = [f"blog.test:{port}:127.0.0.1" for port in (plain, secure)]
    known = ["--resolve", hosts[0], "--resolve", hosts[1], "-k"]
    answer = curl(*known, "--http2-prior-knowledge", f"http://blog.test:{plain}/")
    assert answer == "HTTP/2.0 http"
    assert curl(*known, f"https://blog.test:{secure}/") == "HTTP/2.0 https"


def test_grpc_leads_to_no_other_app_and_round_no_password(proxy: Proxy, blog: Route) -> None:
    port = free_port()
    proxy.publish(replace(blog, ports=(PortMapping("grpc", port, 0),), guard=Guard()))
    proxy.publish(Route("shop", ("shop.test",), blog.peers, RouteState.SERVING))
    for name in ("blog.test", "shop.test"):
        argv = ["curl", "-sS", "--http2-prior-knowledge", "--resolve", f"{name}:{port}:127.0.0.1"]
        done = subprocess.run([*argv, f"http://{name}:{port}/"], capture_output=True, text=True)
        assert done.returncode != 0, done.stdout
