"""What the proxy costs, and how it takes a change of routes under load."""

import re
import shutil
import subprocess
import time

import requests

from paas.command import Runner
from paas.model.route import Route, RouteState
from paas.proxy.proxy import Proxy
from tests.bench.measuring import Outcome, alternating, median
from tests.bench.peers import nginx
from tests.conftest import own_settings
from tests.e2e.instance import Instance
from tests.proxy.upstream import Upstream

SWITCHES = 200


def wrk(port: int, host: str, seconds: int, connections: int = 32) -> str:
    argv = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-H",
        f"Host: {host}",
        f"http://127.0.0.1:{port}/",
    ]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def rate(text: str) -> float:
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert found, text
    assert "Non-2xx" not in text, text
    return float(found[1])


def requests_per_second(instance: Instance, runs: int) -> Outcome:
    """One small static app through our proxy, and through an nginx that knows nothing else."""
    repository = instance.repository("small")
    repository.deploy({"index.html": "hello\n"})
    route = Proxy(instance.settings, Runner()).routes()["small"]
    peer = route.peers[0]
    workers = workers_of(instance)
    with nginx(instance.root / "peer-nginx", f"{peer.host}:{peer.port}", workers) as port:
        samples = alternating(
            runs,
            paas=lambda _: rate(wrk(instance.settings.http_port, route.domains[0], 3)),
            nginx=lambda _: rate(wrk(port, "small", 3)),
        )
    mine, other = median(samples["paas"]), median(samples["nginx"])
    return Outcome(
        "requests/s through the proxy", ">= 85% of a static upstream",
        f"{mine:.0f} (nginx {other:.0f})", f"{mine / other:.0%}", mine >= 0.85 * other, samples,
    )  # fmt: skip


def workers_of(instance: Instance) -> int:
    """Worker processes of the instance's nginx, so that the peer gets as many."""
    config = next(instance.settings.state_dir.rglob("nginx.conf"))
    found = re.search(r"worker_processes (\d+)", config.read_text())
    return int(found[1]) if found else 1


def route_change(runs: int) -> Outcome:
    """Two apps that take turns behind one domain, while others keep asking."""
    settings = own_settings()
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    apps = [Upstream("one", "127.0.0.2"), Upstream("two", "127.0.0.3")]
    proxy = Proxy(settings, Runner())
    proxy.start()
    try:
        taken, stale, load = switched(proxy, settings.http_port, apps, runs)
    finally:
        proxy.stop()
        for app in apps:
            app.close()
        shutil.rmtree(settings.state_dir.parent, ignore_errors=True)
    failed = failures(load)
    typical = median(taken)
    return Outcome(
        "route change, under load", "visible in <= 5 ms, none failed",
        f"{typical * 1000:.1f} ms, {failed} failed, {stale} stale", f"{typical / 0.005:.2f}",
        typical <= 0.005 and failed == 0 and stale == 0, {"publish": taken},
    )  # fmt: skip


def switched(
    proxy: Proxy, port: int, apps: list[Upstream], runs: int
) -> tuple[list[float], int, str]:
    """Seconds each change took, how often the old app still answered, and what the load saw."""
    taken, stale = [], 0
    url = f"http://127.0.0.1:{port}/"
    session = requests.Session()
    publish(proxy, apps[0])
    argv = ["wrk", "-t1", "-c8", f"-d{2 + runs}s", "-H", "Host: app.test", url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as load:
        time.sleep(0.5)  # the load is under way
        for number in range(SWITCHES):
            app = apps[(number + 1) % 2]
            began = time.perf_counter()
            publish(proxy, app)
            taken.append(time.perf_counter() - began)
            answer = session.get(url, headers={"Host": "app.test"}, timeout=5)
            stale += answer.text != app.name
        said = load.communicate()[0]
    return taken, stale, said


def publish(proxy: Proxy, app: Upstream) -> None:
    proxy.publish(Route("app", ("app.test",), (app.peer,), RouteState.SERVING))


def failures(wrk_output: str) -> int:
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", wrk_output
    )
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", wrk_output)
    return sum(map(int, errors.groups() if errors else ())) + (int(refused[1]) if refused else 0)
