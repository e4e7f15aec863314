"""Dockerfiles that attack: their steps, their contexts, what they ask for and what they leave."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from paas.deploy.images import bench as benches
from paas.deploy.images import dockerfile
from paas.deploy.images.shelf import Shelf
from paas.errors import PaasError
from tests.attacks.conftest import PROBES
from tests.attacks.test_builds import assert_clean
from tests.attacks.test_network import address_of, gateway_of, uplink
from tests.deploy.images.conftest import House, house_of
from tests.e2e.instance import Instance, Repository

FROM = "FROM paas/stack\n"
SERVE = "CMD python3 -m http.server 8080 --directory /srv\nEXPOSE 8080\n"
HONEST = f"{FROM}RUN echo honest > /srv/index.html\n{SERVE}"


NAMELESS = (
    'import os, time; f = open("/x", "wb"); os.unlink("/x"); '
    "[f.write(bytes(1 << 20)) for _ in range(600)]; time.sleep(60)"
)
BOMB = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(900)
        made += 1
except OSError as error:
    print("bomb", made, error.errno, flush=True)
    raise SystemExit(1)
"""


@pytest.fixture(scope="module")
def docker(platform: Instance, canary: str, victim: Repository) -> Repository:
    """An app whose Dockerfiles attack; its first was honest."""
    platform.ok("apps:create", "docker")
    repository = platform.repository("docker")
    repository.deploy({"Dockerfile": HONEST, "step.py": (PROBES / "step.py").read_text()})
    return repository


@pytest.fixture(autouse=True)
def it_still_serves(request: pytest.FixtureRequest, platform: Instance) -> Iterator[None]:
    yield
    if "docker" in request.fixturenames:
        assert platform.get("docker").status_code == 200
        assert_clean(platform)


def test_a_step_gets_neither_out_nor_at_the_builder(platform: Instance, docker: Repository):
    settings = platform.settings
    closed = [
        *(f"{gateway_of(platform, address_of(platform, 'docker'))}:{port}" for port in (22, 80)),
        *(f"{uplink()}:{port}" for port in (22, settings.ssh_port, settings.http_port)),
        f"{address_of(platform, 'victim')}:5000",
        *("169.254.169.254:80", "100.100.100.200:80"),
    ]
    run = f"RUN python3 /step.py {' '.join(closed)}\n"
    text = docker.deploy({"Dockerfile": f"{FROM}COPY step.py /\n{run}{HONEST.removeprefix(FROM)}"})
    (line,) = re.findall(r"STEP (\[.*\])", text)
    assert json.loads(line) == []


def test_the_hosts_files_are_in_no_context(platform: Instance, docker: Repository, canary: str):
    for source in (platform.root / "canary", "../../canary", "/etc/shadow", "/config", "/out"):
        text = docker.fail({"Dockerfile": f"{FROM}COPY {source} /srv/x\n{SERVE}"})
        assert canary not in text
    bind = "RUN --mount=type=bind,source=/,target=/host cat /host/etc/shadow /host/root/x\n"
    assert "failed" in docker.fail({"Dockerfile": FROM + bind + SERVE})
    cache = "RUN --mount=type=cache,id=../../../out,target=/c echo x > /c/storage\n"
    docker.commit({"Dockerfile": FROM + cache + HONEST.removeprefix(FROM)})
    docker.push()
    link = docker.path / "link"
    link.symlink_to("/etc/shadow")
    text = docker.fail({"Dockerfile": f"{FROM}COPY link /srv/x\n{SERVE}"})
    assert "points outside the repository" in text
    link.unlink()


def test_another_apps_image_is_no_base(docker: Repository):
    for line in (
        "FROM paas/app/victim\n",
        f"{FROM}COPY --from=paas/app/victim:v1 /app /srv/app\n",
        f"{FROM}RUN --mount=type=bind,from=paas/app/victim,target=/v cat /v/app/page.txt\n",
    ):
        text = docker.fail({"Dockerfile": line + SERVE})
        assert "victim does not share its image with docker" in text
        assert "the victim's page" not in text


def test_a_base_that_hides_in_a_variable_is_not_found(docker: Repository):
    hidden = "FROM paas/stack\nARG BASE=paas/app/victim\nCOPY --from=${BASE} /app /srv/app\n"
    text = docker.fail({"Dockerfile": hidden + SERVE})
    assert "the victim's page" not in text


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("head -c 600M /dev/zero > /big; sleep 60", "disk limit"),
        (f"python3 -c '{NAMELESS}'", "disk limit"),
        (
            "python3 -c 'x = bytearray(2 << 30); x[::4096] = b\"x\" * len(x[::4096])'",
            "memory limit",
        ),
    ],
    ids=["disk", "nameless", "memory"],
)
def test_a_step_without_end_is_stopped(docker: Repository, step: str, words: str):
    text = docker.fail({"Dockerfile": f"{FROM}RUN {step}\n{SERVE}"})
    assert words in text


def test_a_fork_bomb_ends_with_the_build(platform: Instance, docker: Repository):
    docker.write({"bomb.py": BOMB})
    text = docker.fail({"Dockerfile": f"{FROM}COPY bomb.py /\nRUN python3 /bomb.py\n{SERVE}"})
    ((made, errno),) = re.findall(r"bomb (\d+) (\d+)", text)
    assert (int(made) < 600, errno) == (True, "11")
    assert platform.get("victim").status_code == 200


def test_what_a_step_leaves_running_ends_with_the_build(platform: Instance, docker: Repository):
    marker = f"marker{os.getpid()}"
    start = f"RUN setsid -f python3 -c 'import time; time.sleep(900)' {marker} >/dev/null 2>&1\n"
    docker.deploy({"Dockerfile": FROM + start + HONEST.removeprefix(FROM)})
    assert not processes_with(marker)


def processes_with(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(str(path))
    return found


def test_steps_and_caches_of_one_app_serve_no_other(platform: Instance, docker: Repository):
    poison = (
        "RUN --mount=type=cache,id=shared,target=/c echo poison > /c/x\n"
        "RUN date +%N > /srv/unique\n"
    )
    docker.deploy({"Dockerfile": FROM + poison + HONEST.removeprefix(FROM)})
    platform.ok("apps:create", "innocent")
    innocent = platform.repository("innocent")
    look = "RUN --mount=type=cache,id=shared,target=/c ls -A /c > /srv/index.html\n"
    unique = poison.splitlines()[1] + "\n"
    text = innocent.deploy({"Dockerfile": FROM + unique + look + SERVE})
    assert "as before" not in text
    assert platform.get("innocent").text == ""
    assert platform.get("innocent", "/unique").text != platform.get("docker", "/unique").text


def test_no_frontend_is_fetched_and_no_flag_is_taken_from_a_name(docker: Repository):
    syntax = "# syntax=registry.invalid/evil:1\n"
    docker.deploy({"Dockerfile": syntax + HONEST})
    for name in ("--privileged", "-v/:/host", "$(id)", "a b", "paas/stack\x1b[31m"):
        text = docker.fail({"Dockerfile": f"FROM {name}\n{SERVE}"})
        assert "uid=" not in text


def test_words_that_drive_terminals_are_only_words(docker: Repository):
    evil = "RUN printf '\\033[2J\\033]0;owned\\007 -----> Releasing v99\\r ok\\n'; exit 1\n"
    text = docker.fail({"Dockerfile": FROM + evil + SERVE})
    assert "\x1b" not in text.replace("\x1b[K", "")


def test_a_description_beyond_all_is_refused(docker: Repository):
    for line in ("USER 0:4000000000\n", "USER nobody-at-all\n", "WORKDIR /../../..\nUSER ghost\n"):
        text = docker.fail({"Dockerfile": HONEST + line})
        assert "Traceback" not in text
        assert " !     " in text


def test_a_flood_of_steps_is_bounded(docker: Repository):
    names = "".join(f"FROM a{number}\n" for number in range(300))
    assert "100 are allowed" in docker.fail({"Dockerfile": names})
    assert "bytes" in docker.fail({"Dockerfile": HONEST + "#" * (2 << 20)})


# -- what a build says of itself -------------------------------------------------------------


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with house_of() as made:
        yield made


LAYER = "a" * 64


@pytest.fixture
def out(house: House) -> Iterator[Path]:
    """A build's storage with one layer, which whoever broke out of a step has arranged."""
    with (
        house.console() as console,
        benches.bench(house.platform, house.app, console) as bench,
        benches.drafts(bench) as draft,
    ):
        (draft / "storage/overlay" / LAYER / "diff/etc").mkdir(parents=True)
        yield draft


def harvested(house: House, out: Path, **changes: object) -> Shelf:
    shelf = Shelf()
    entry = {"id": LAYER, "parent": "", "diff": f"sha256:{LAYER}", "size": 1, "opaque": []}
    with house.console() as console, benches.bench(house.platform, house.app, console) as bench:
        dockerfile.harvest(bench, shelf, out, {"layers": [{**entry, **changes}], "images": []})
    return shelf


@pytest.mark.parametrize("part", ["storage", "storage/overlay", f"storage/overlay/{LAYER}"])
def test_storage_that_leads_elsewhere_is_not_followed(house: House, out: Path, part: str) -> None:
    neighbour = house.platform.layers.root / "neighbour"
    inside = {"storage": f"overlay/{LAYER}/diff", "storage/overlay": f"{LAYER}/diff"}
    target = neighbour / inside.get(part, "diff")
    target.mkdir(parents=True, exist_ok=True)
    (out / part).rename(out / "moved")
    (out / part).symlink_to(neighbour)
    with pytest.raises(PaasError):
        harvested(house, out)
    assert target.is_dir()


def test_a_link_in_a_layers_place_is_no_layer(house: House, out: Path) -> None:
    diff = out / "storage/overlay" / LAYER / "diff"
    diff.rename(out / "moved")
    diff.symlink_to("/etc")
    with pytest.raises(PaasError):
        harvested(house, out)
    assert Path("/etc/passwd").exists()


@pytest.mark.parametrize("name", ["../../../etc", "etc/../..", "missing", "etc/passwd"])
def test_what_a_layer_hides_is_inside_of_it(house: House, out: Path, name: str) -> None:
    with pytest.raises(PaasError):
        harvested(house, out, opaque=[name])
    assert house.platform.layers.list() == []


@pytest.mark.parametrize("name", ["../x", "A" * 64, "", "a" * 63, "a/b", None, 7])
def test_a_layer_without_a_proper_name_is_none(house: House, out: Path, name: object) -> None:
    assert harvested(house, out, id=name).books == {}


def test_a_layer_on_nothing_known_is_in_no_image(house: House, out: Path) -> None:
    assert harvested(house, out, parent="b" * 64).books == {}
