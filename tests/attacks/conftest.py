"""An attacker's app and a victim's on one real platform, with canaries to be found or harmed."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import door
from tests.conftest import own_settings
from tests.e2e.instance import Instance, Repository, running
from tests.e2e.samples import PLAIN

PROBES = Path(__file__).parent / "probes"


@pytest.fixture(scope="session")
def platform() -> Iterator[Instance]:
    settings = own_settings(
        boot_timeout_s=60.0,
        build_timeout_s=150.0,
        drain_s=1.0,
        stop_grace_s=1.0,
        check_wait_s=0.2,
        build_memory_bytes=768 << 20,
        build_disk_bytes=320 << 20,
        push_max_bytes=64 << 20,
    )
    with running(settings) as instance:
        yield instance


@pytest.fixture(scope="session")
def canary(platform: Instance) -> str:
    """A secret of the host, in a file that everybody on the host may read."""
    text = f"canary-{secrets.token_hex(12)}"
    platform.root.chmod(0o755)
    (platform.root / "canary").write_text(text)
    return text


@pytest.fixture(scope="session")
def victim(platform: Instance) -> Repository:
    """An app that serves its page and has a secret; nothing done here may change either."""
    platform.ok("apps:create", "victim")
    platform.ok("config:import", "victim", stdin=b"SECRET=victims-secret\n")
    repository = platform.repository("victim")
    repository.deploy({**PLAIN, "page.txt": "the victim's page"})
    return repository


@pytest.fixture(scope="session")
def evil(platform: Instance, canary: str, victim: Repository) -> Repository:
    """The attacker's app: it carries the probes, and serves while they run."""
    repository = platform.repository("evil")
    probes = {f"probes/{path.name}": path.read_text() for path in PROBES.glob("*.py")}
    lurker = "web: python3 server.py\nlurker: python3 probes/lurker.py\n"
    repository.deploy({**PLAIN, **probes, "Procfile": lurker})
    return repository


@pytest.fixture(autouse=True)
def the_victim_is_unharmed(request: pytest.FixtureRequest, platform: Instance) -> Iterator[None]:
    """After every attack the victim serves its page, and the host's canary is as it was."""
    yield
    if "victim" in request.fixturenames or "evil" in request.fixturenames:
        assert platform.get("victim").text == "the victim's page"
        assert platform.get("victim", "/env/SECRET").text == "victims-secret"
        canary_file = platform.root / "canary"
        assert not canary_file.exists() or canary_file.read_text().startswith("canary-")
    assert "a bug" not in platform.daemon_log()


def probe(platform: Instance, name: str, *arguments: str, app: str = "evil") -> dict[str, object]:
    """What a probe found in a new container of the app: the JSON it printed last."""
    said = platform.ok("run", app, "--", "python3", f"probes/{name}.py", *arguments)
    found = json.loads(said.strip().splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.fixture
def words(platform: Instance) -> door.Door:
    """The local door without the client in between: arguments as no shell could pass them."""
    return door.Door(platform.settings.socket)
