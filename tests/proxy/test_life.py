"""Start, adoption, restart, and what is on the disk."""

import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from paas.command import Runner
from paas.errors import PaasError
from paas.model.ports import PortMapping
from paas.model.route import Route, RouteState
from paas.proxy import nginx
from paas.proxy.control import Control, Refused
from paas.proxy.ports import has_ipv6
from paas.proxy.proxy import Proxy
from paas.proxy.table import decode, encode_all
from paas.settings import Settings
from tests.conftest import free_port
from tests.proxy.conftest import Visitor, serving
from tests.proxy.test_passing import wait_for
from tests.proxy.upstream import Upstream

Apps = Callable[..., Upstream]


def processes(proxy: Proxy) -> tuple[int | None, set[str]]:
    pid = proxy._nginx.pid()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pid, set(children)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_new_daemon_adopts_the_running_nginx_without_a_reload(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    before = processes(proxy)
    later = Proxy(settings, Runner())
    later.start()
    assert processes(later) == before
    assert set(later.routes()) == {"blog"}
    assert visitor.get("blog.test").text == "blog"


def test_a_changed_setting_reloads_the_adopted_nginx(
    settings: Settings, proxy: Proxy, visitor: Visitor
) -> None:
    proxy.publish(Route("blog", ("blog.test",)))
    master, workers = processes(proxy)
    Proxy(replace(settings, ssh_port=2345), Runner()).start()
    assert processes(proxy)[0] == master
    assert processes(proxy)[1] != workers
    deadline = time.monotonic() + 60  # an old worker may take one more connection
    while ":2345/blog" not in visitor.get("blog.test").text:
        assert time.monotonic() < deadline
    assert len(list((settings.state_dir / "proxy/sites").iterdir())) == 1


def test_one_that_died_is_started_and_one_that_was_stopped_is_not(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    pid = proxy._nginx.pid()
    assert pid is not None
    os.killpg(os.getsid(pid), signal.SIGKILL)
    assert wait_for(lambda: not proxy.running())
    proxy.tend()
    assert visitor.get("blog.test").text == "blog"
    proxy.stop(until_told=True)
    proxy.tend()
    assert not proxy.running()
    proxy.start()
    assert visitor.get("blog.test").text == "blog"


def test_stopping_ends_workers_whose_master_was_killed(proxy: Proxy) -> None:
    master, workers = processes(proxy)
    with proxy._lock:  # so that it is not there again before
        os.kill(master or 0, signal.SIGKILL)
        proxy._nginx.stop()
    assert wait_for(lambda: not any(Path("/proc", pid).exists() for pid in workers))


def test_nginx_is_in_a_session_of_its_own(proxy: Proxy) -> None:
    pid = proxy._nginx.pid()
    assert pid is not None
    assert os.getsid(pid) != os.getsid(0)
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1] == "1"


def test_nginx_goes_before_other_sessions_where_the_kernel_weighs_them(proxy: Proxy) -> None:
    weighed = Path(f"/proc/{proxy._nginx.pid()}/autogroup")
    if not weighed.exists():
        pytest.skip("this kernel weighs no sessions")
    assert weighed.read_text().split()[-1] == "-10"


def test_a_restarted_nginx_has_its_routes_from_the_disk(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog"), domains=("blog.test", "*.blog.test")))
    proxy.stop()
    assert not proxy.running()
    proxy._nginx.launch()  # nothing but nginx itself: no daemon tells it anything
    assert visitor.get("any.blog.test").text == "blog"


def test_a_killed_nginx_is_started_by_the_next_publish(
    proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    master, workers = processes(proxy)
    for pid in (master, *workers):
        os.kill(int(pid or 0), signal.SIGKILL)
    assert wait_for(lambda: not proxy.running())
    proxy.publish(serving("shop", upstream("shop")))
    assert visitor.get("blog.test").text == "blog"
    assert visitor.get("shop.test").text == "shop"


@pytest.fixture
def watched(proxy: Proxy) -> Iterator[list[tuple[str, bool]]]:
    """The proxy is watched; what is told of it."""
    told: list[tuple[str, bool]] = []
    proxy.watch(lambda words, well: told.append((words, well)))
    yield told
    proxy.close()


def test_a_watched_nginx_that_is_killed_is_there_again_by_itself(
    proxy: Proxy, upstream: Apps, visitor: Visitor, watched: list[tuple[str, bool]]
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    for number in (1, 2):
        master, workers = processes(proxy)
        for pid in (master, *workers):
            os.kill(int(pid or 0), signal.SIGKILL)
        assert wait_for(lambda number=number: len(watched) == number)  # type: ignore[misc]
        assert visitor.get("blog.test").text == "blog"
    assert watched == [("nginx ended and was started again", True)] * 2


def test_workers_that_lost_their_master_make_way_and_end_what_they_began(
    settings: Settings,
    proxy: Proxy,
    upstream: Apps,
    visitor: Visitor,
    watched: list[tuple[str, bool]],
) -> None:
    app = upstream("blog")
    proxy.publish(serving("blog", app))
    master, workers = processes(proxy)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(visitor.get, "blog.test", "/slow")
        assert wait_for(lambda: bool(app.requests))
        os.kill(master or 0, signal.SIGKILL)
        assert wait_for(lambda: bool(watched))
        assert Visitor(settings.http_port).get("blog.test").text == "blog"
        app.release.set()
        assert slow.result().text == "blog"
    assert wait_for(lambda: not any(Path("/proc", pid).exists() for pid in workers))


def test_ports_of_a_master_that_was_killed_are_open_again(proxy: Proxy, upstream: Apps) -> None:
    """Also those beside the ordinary ones, which its workers still have."""
    app, port = upstream("blog"), free_port()
    route = serving("blog", app)
    proxy.publish(replace(route, ports=(PortMapping("http", port, app.peer.port),)))
    master, _ = processes(proxy)
    os.kill(master or 0, signal.SIGKILL)
    assert wait_for(lambda: not proxy.running())
    proxy.start()
    assert proxy.doors() == {("http", port)}
    assert Visitor(port).get("blog.test").text == "blog"


def test_a_port_that_is_just_being_let_go_is_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of an nginx which was killed: its process is gone a moment before its port."""
    monkeypatch.setattr(nginx, "LEAVING_S", 60.0)
    proxy = Proxy(settings, Runner())
    with socket.create_server(("127.0.0.1", settings.http_port)) as leaving:
        later = threading.Timer(1.5, leaving.close)
        later.start()
        proxy.start()
    assert proxy.running()
    proxy.stop()


def test_an_nginx_that_cannot_be_started_is_told_once_and_tried_again(
    settings: Settings, proxy: Proxy, watched: list[tuple[str, bool]]
) -> None:
    master, workers = processes(proxy)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with proxy._lock:  # so that it is not there again before the port is taken
            for pid in (master, *workers):
                os.kill(int(pid or 0), signal.SIGKILL)
            assert wait_for(lambda: not listening(settings.http_port))
            other.bind(("127.0.0.1", settings.http_port))
            other.listen()
        assert wait_for(lambda: watched[-1:] and not watched[-1][1])
        assert f"port {settings.http_port} is taken" in watched[-1][0]
    assert wait_for(lambda: watched[-1][1])
    assert len(watched) <= 3


def test_whoever_starts_it_again_it_is_told(
    proxy: Proxy, upstream: Apps, watched: list[tuple[str, bool]]
) -> None:
    master, workers = processes(proxy)
    with proxy._lock:
        for pid in (master, *workers):
            os.kill(int(pid or 0), signal.SIGKILL)
        assert wait_for(lambda: not proxy.running())
        proxy.publish(serving("blog", upstream("blog")))  # sooner than the guard
    assert wait_for(lambda: bool(watched))
    assert watched == [("nginx ended and was started again", True)]


def test_a_killed_worker_forgets_nothing(proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    _, workers = processes(proxy)
    for pid in workers:
        os.kill(int(pid), signal.SIGKILL)
    assert wait_for(lambda: bool(processes(proxy)[1]) and not processes(proxy)[1] & workers)
    assert visitor.get("blog.test").text == "blog"
    proxy.publish(serving("shop", upstream("shop")))
    assert visitor.get("shop.test").text == "shop"


def test_a_reload_keeps_every_route(proxy: Proxy, upstream: Apps, visitor: Visitor) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    _, workers = processes(proxy)
    proxy._nginx.reload()
    assert wait_for(lambda: not processes(proxy)[1] & workers)
    assert visitor.get("blog.test").text == "blog"


def test_the_table_on_disk_is_private_and_what_is_live(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    proxy.publish(serving("blog", upstream("blog"), domains=("blog.test", "*.blog.test")))
    proxy.publish(Route("shop", ("shop.test",), state=RouteState.STARTING))
    path = settings.state_dir / "proxy/routes"
    assert path.stat().st_mode & 0o777 == 0o600
    on_disk = decode(path.read_text())
    assert on_disk == proxy.routes()
    live = decode(proxy._control.table())
    assert {
        app: replace(route, domains=tuple(sorted(route.domains))) for app, route in live.items()
    } == {
        app: replace(route, domains=tuple(sorted(route.domains))) for app, route in on_disk.items()
    }
    assert decode(encode_all(on_disk)) == on_disk


def test_a_damaged_table_costs_only_its_damaged_lines(
    settings: Settings, upstream: Apps, visitor: Visitor
) -> None:
    blog = upstream("blog")
    path = settings.state_dir / "proxy/routes"
    path.parent.mkdir(parents=True)
    good = encode_all({"blog": serving("blog", blog)})
    path.write_bytes(b"\xff\x00 nonsense\napp half\nstate rotten\n" + good.encode() + b"app to")
    proxy = Proxy(settings, Runner())
    proxy.start()
    try:
        assert visitor.get("blog.test").text == "blog"
        assert set(proxy.routes()) == {"blog"}
    finally:
        proxy.stop()


def test_only_root_reaches_the_control_socket(settings: Settings, proxy: Proxy) -> None:
    path = settings.run_dir / "proxy/control.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_nginx_itself_refuses_a_domain_of_another_app(proxy: Proxy) -> None:
    proxy.publish(Route("blog", ("blog.test",)))
    control = Control(proxy._nginx.socket)
    with pytest.raises(Refused, match=r"blog\.test belongs to blog"):
        control.put("thief", "app thief\nstate stopped\ndomain blog.test\n")
    with pytest.raises(Refused):
        control.put("thief", "app other\nstate stopped\n")


def test_a_refused_route_is_not_on_the_disk_either(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(app: str, route: str) -> None:
        raise Refused("no room")

    monkeypatch.setattr(proxy._control, "put", refuse)
    with pytest.raises(Refused):
        proxy.publish(Route("blog", ("blog.test",)))
    assert proxy.routes() == {}
    assert proxy._table.read().routes == {}


def test_a_taken_port_is_named_with_its_holder(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.http_port)):
        proxy = Proxy(settings, Runner())
        with pytest.raises(PaasError) as raised:
            proxy.start()
    assert f"port {settings.http_port} is taken by" in raised.value.message
    assert f"(pid {os.getpid()})" in raised.value.message
    assert "http_port" in raised.value.hint
    assert not proxy.running()


def test_every_address_of_either_family_is_listened_on(settings: Settings, upstream: Apps) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    proxy = Proxy(replace(settings, listen_address="0.0.0.0"), Runner())
    proxy.start()
    try:
        proxy.publish(serving("blog", upstream("blog")))
        for address in ("[::1]", "127.0.0.1"):
            url = f"http://{address}:{settings.http_port}/"
            assert requests.get(url, headers={"Host": "blog.test"}, timeout=30).text == "blog"
    finally:
        proxy.stop()


def test_a_configuration_nginx_refuses_leaves_the_running_one_serving(
    settings: Settings,
    proxy: Proxy,
    upstream: Apps,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    before = processes(proxy)
    monkeypatch.setattr("paas.proxy.nginx.modules", lambda: ("/no/such/module.so",))
    later = Proxy(settings, Runner())
    with pytest.raises(PaasError, match="nginx does not accept its configuration"):
        later.start()
    assert processes(proxy) == before
    assert visitor.get("blog.test").text == "blog"
    monkeypatch.undo()
    later.start()
    assert processes(proxy) == before


def test_what_hangs_on_the_control_socket_is_replaced(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    (settings.run_dir / "proxy/control.sock").unlink()
    later = Proxy(settings, Runner())
    later.start()
    assert visitor.get("blog.test").text == "blog"
    later.publish(serving("blog", upstream("new")))
    assert visitor.get("blog.test").text == "new"


def test_a_second_start_and_a_second_stop_do_no_harm(proxy: Proxy) -> None:
    before = processes(proxy)
    proxy.start()
    assert processes(proxy) == before
    proxy.stop()
    proxy.stop()
    assert not proxy.running()


def test_stopping_lets_a_request_end(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    app = upstream("blog")
    proxy.publish(serving("blog", app))
    answers: list[str] = []
    request = threading.Thread(
        target=lambda: answers.append(visitor.get("blog.test", "/slow").text)
    )
    request.start()
    assert wait_for(lambda: bool(app.requests))
    stop = threading.Thread(target=proxy.stop)
    stop.start()
    assert wait_for(lambda: not listening(settings.http_port))
    app.release.set()
    request.join(60)
    stop.join(60)
    assert answers == ["blog"]


def test_keep_alive_connections_see_no_error_while_routes_switch(
    settings: Settings, proxy: Proxy, upstream: Apps
) -> None:
    apps = [upstream("one"), upstream("two")]
    proxy.publish(serving("blog", apps[0]))
    done = threading.Event()
    failures: list[object] = []
    counts = [0, 0, 0]

    def visit(number: int) -> None:
        visitor = Visitor(settings.http_port)
        while not done.is_set():
            answer = visitor.get("blog.test")
            counts[number] += 1
            if answer.status_code != 200:
                failures.append(answer)

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(len(counts))]
    for each in visitors:
        each.start()
    probe = Visitor(settings.http_port)
    for turn in range(200):
        app = apps[turn % 2]
        proxy.publish(serving("blog", app))
        assert probe.get("blog.test").text == app.name
    done.set()
    for each in visitors:
        each.join(60)
    assert failures == []
    assert min(counts) > 0


def test_the_https_port_refuses_every_handshake(settings: Settings, proxy: Proxy) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", settings.https_port), timeout=30) as connection,
        pytest.raises(ssl.SSLError, match="alert"),
    ):
        context.wrap_socket(connection, server_hostname="blog.test")


def test_requests_are_logged_without_their_query_and_logs_can_be_rotated(
    settings: Settings, proxy: Proxy, upstream: Apps, visitor: Visitor
) -> None:
    proxy.publish(serving("blog", upstream("blog")))
    log = settings.state_dir / "proxy/logs/access.log"
    visitor.get("blog.test", "/path?token=secret")
    assert wait_for(lambda: log.stat().st_size > 0)
    entry = json.loads(log.read_text())
    assert (entry["app"], entry["host"], entry["path"]) == ("blog", "blog.test", "/path")
    assert entry["status"] == "200"
    assert entry["request_id"]
    assert "secret" not in log.read_text()

    log.rename(log.with_suffix(".1"))
    proxy.reopen_logs()

    def logged() -> bool:
        visitor.get("blog.test", "/after")
        time.sleep(0.05)
        return log.exists() and "/after" in log.read_text()

    assert wait_for(logged)
