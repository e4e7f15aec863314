"""From the decision to start a container to the first TCP connection it accepts."""

import itertools
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from paas.image.layers import Layers
from paas.image.stack import Stack
from paas.model.release import Layer
from tests.bench import knocking
from tests.bench.measuring import Outcome, alternating, median, milliseconds, repeated
from tests.bench.peers import Docker, dockerd
from tests.conftest import own_settings
from tests.engines.conftest import House, house_of

SERVER = r"""
#include <arpa/inet.h>
#include <unistd.h>
int main(void) {
    int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(5000)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s, (struct sockaddr *)&a, sizeof a) || listen(s, 64)) return 1;
    for (;;) {
        int c = accept(s, 0, 0);
        if (write(c, "HTTP/1.0 200 OK\r\n\r\nhello\n", 25)) {}
        close(c);
    }
}
"""


def first_accept(runs: int) -> Outcome:
    """Our engine beside `docker run -d`, the same static program in both."""
    settings = own_settings()
    root = settings.state_dir.parent
    with house_of(settings) as house, dockerd(root / "docker") as docker:
        program = compiled(root)
        layers = our_layers(house, program)
        ours = lambda _: start_ours(house, layers)  # noqa: E731
        if docker is None:
            samples = {"paas": repeated(runs * 3, ours)}
        else:
            import_image(docker, root, program)
            addresses = itertools.count(10)
            samples = alternating(
                runs * 3, paas=ours, docker=lambda _: start_docker(docker, next(addresses))
            )
    mine = median(samples["paas"])
    other = median(samples["docker"]) if "docker" in samples else None
    return Outcome(
        "decision to first TCP accept, static server", "<= 1/5 of docker run",
        milliseconds(mine) + (f" (docker {milliseconds(other)})" if other else ""),
        f"1/{other / mine:.1f}" if other else "-", mine <= other / 5 if other else None, samples,
    )  # fmt: skip


def compiled(root: Path) -> Path:
    (root / "server.c").write_text(SERVER)
    argv = ["gcc", "-O2", "-static", "-o", str(root / "server"), str(root / "server.c")]
    subprocess.run(argv, check=True)
    return root / "server"


def our_layers(house: House, program: Path) -> tuple[Layer, ...]:
    """The stack, as every app has it, and a layer with the program."""
    stack = Stack(house.settings, house.runner)
    shared = Layers(house.settings.state_dir / "layers", shared=(stack.root,))
    house.engine._bundles.layers = shared
    upper = shared.new_upper(0)
    shutil.copy(program, upper / "server")
    (upper / "server").chmod(0o755)
    return (*stack.run_layers, shared.adopt(upper, "server", 0))


def start_ours(house: House, layers: tuple[Layer, ...]) -> float:
    spec = house.spec("/server", layers=layers, mounts=(), cwd="/")
    began = time.perf_counter()
    container = house.engine.start(spec)
    knocking.knock(str(container.address))
    taken = time.perf_counter() - began
    house.engine.remove(spec.id)
    return taken


def import_image(docker: Docker, root: Path, program: Path) -> None:
    with tarfile.open(root / "image.tar", "w") as archive:
        archive.add(program, "server")
    docker("import", str(root / "image.tar"), "server")


def start_docker(docker: Docker, host: int) -> float:
    """Measured by a program in the network namespace that Docker has for itself."""
    address = f"10.229.0.{host}"
    run = (
        "docker", "-H", f"unix://{docker.socket}", "run", "-d", "--network", "bench",
        "--ip", address, "--name", f"run-{host}", "server", "/server",
    )  # fmt: skip
    taken = docker.inside(sys.executable, str(Path(knocking.__file__)), address, *run)
    docker("rm", "-f", f"run-{host}")
    return float(taken)
