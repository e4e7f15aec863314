"""What mounts cost a container's start, and how long an answer to a name takes."""

import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from paas.command import Runner
from paas.model.container import ContainerSpec, Kind, Mount, new_container_id
from paas.model.volume import Volume
from paas.network.names import Names
from paas.network.networks import Networks
from paas.storage.volumes import Volumes
from tests.bench.measuring import Outcome, alternating, median
from tests.conftest import own_settings
from tests.engines.conftest import House, house_of

MANY = 10
SHARED = 900
MOST_MOUNT_S, MOST_ANSWER_S = 0.005, 0.001
QUESTIONS = 500
CLIENT = """
import socket, struct, sys, time
server, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\\0"
query = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!HH", 1, 1)
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.connect((server, 53))
asking.settimeout(5)
taken = []
for _ in range(count):
    began = time.perf_counter()
    asking.send(query)
    reply = asking.recv(4096)
    taken.append(time.perf_counter() - began)
    assert reply[7] == 1, "it has no address"
print(sorted(taken)[count // 2])
"""


def mounts(runs: int) -> Outcome:
    """A container's start without volumes, and with ten of them."""
    settings = own_settings()
    with house_of(settings) as house:
        volumes = Volumes(settings, house.runner)
        several = [mount_of(volumes, number) for number in range(MANY)]
        samples = alternating(
            runs * 3,
            none=lambda _: started(house, ()),
            ten=lambda _: started(house, tuple(several)),
        )
        volumes.unmount_all()
    each = (median(samples["ten"]) - median(samples["none"])) / MANY
    return Outcome(
        "a volume more at a container's start", f"<= {MOST_MOUNT_S * 1000:.0f} ms",
        f"{each * 1000:.2f} ms", f"{each / MOST_MOUNT_S:.2f}", each <= MOST_MOUNT_S, samples,
    )  # fmt: skip


def mount_of(volumes: Volumes, number: int) -> Mount:
    """A volume, every other one with a filesystem of its own."""
    volume = Volume(f"v{number}", size_bytes=16 << 20 if number % 2 else None)
    volumes.make(volume)
    root = volumes.place(volume).root
    return Mount(root, f"/v{number}", read_only=False, ids=volumes.ids(volume))


def started(house: House, mounts: tuple[Mount, ...]) -> float:
    spec = house.spec("sleep", "60")
    spec = replace(spec, mounts=(*spec.mounts, *mounts))
    began = time.perf_counter()
    house.engine.start(spec)
    taken = time.perf_counter() - began
    house.engine.remove(spec.id)
    return taken


def answers(runs: int) -> Outcome:
    """The median answer to a name on a shared network, asked in a container's place."""
    settings = own_settings()
    settings.state_dir.mkdir(parents=True)
    settings.run_dir.mkdir(parents=True)
    networks = Networks(settings, Runner())
    try:
        networks.ensure()
        spec = ContainerSpec(
            id=new_container_id(), app="bench", slot=1, kind=Kind.APP, process="web", index=1,
            layers=(), argv=("true",),
        )  # fmt: skip
        place = networks.attach(spec)
        address = str(networks.join(spec, SHARED))
        many = {f"app{number}.web": [address] for number in range(1000)}
        networks.tell_names(Names({1: ["shared"]}, {"shared": many}))
        argv = (
            *("nsenter", f"--net={place.network_namespace}", "--", sys.executable, "-c", CLIENT),
            *(str(settings.dns_address), "app500.web", str(QUESTIONS)),
        )
        samples = [float(Runner().run(argv).text) for _ in range(runs)]
    finally:
        networks.clear()
        shutil.rmtree(Path(settings.state_dir).parent, ignore_errors=True)
    each = median(samples)
    return Outcome(
        "an answer to a name, of 1,000 on a network", f"<= {MOST_ANSWER_S * 1000:.0f} ms",
        f"{each * 1000:.2f} ms", f"{each / MOST_ANSWER_S:.2f}", each <= MOST_ANSWER_S,
        {"answer": samples},
    )  # fmt: skip
