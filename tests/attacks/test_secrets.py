"""A canary among the config is looked for everywhere it must not be."""

import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.instance import Instance, Repository
from tests.e2e.samples import PLAIN

CLIENTS = (b"ssh\0", b"bin/paas\0")


@contextmanager
def sampled_arguments() -> Iterator[set[bytes]]:
    """Every command line any process but the callers' own had meanwhile."""
    found: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.002):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
                    line = file.read()
                    if not any(client in line for client in CLIENTS):
                        found.add(line)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def places_with(text: str, root: Path) -> set[str]:
    """Files below root that hold the text; not in the stack's own files, nor in sparse disks."""
    skipped = ("--exclude-dir=rootfs", "--exclude=disk", "--exclude=template-*", "--exclude=sparse")
    argv = ["grep", "-rlaF", "--devices=skip", *skipped, text, str(root)]
    done = subprocess.run(argv, capture_output=True, check=False)
    return {str(Path(line).relative_to(root)) for line in done.stdout.decode().splitlines()}


def open_to_others(path: Path) -> bool:
    """Whether somebody else may have to do with a file; not with one that went meanwhile."""
    try:
        return path.stat().st_mode & 0o077 != 0
    except FileNotFoundError:
        return False


def test_a_secret_is_in_no_argument_log_layer_or_text(platform: Instance, victim: Repository):
    canary = f"c4n4ry{secrets.token_hex(10)}"
    repository = platform.repository("secretive")
    platform.ok("apps:create", "secretive")
    with sampled_arguments() as arguments:
        platform.ok("config:import", "secretive", stdin=f"TOKEN={canary}\n".encode())
        said = [repository.deploy({**PLAIN, "requirements.txt": ""})]
        platform.ok("config:import", "secretive", stdin=f"PIP_TOKEN={canary}\n".encode())
        platform.ok("run", "secretive", "true")
        platform.ok("enter", "secretive", "web", "true")
        said.append(repository.fail({"server.py": "raise SystemExit('broken')\n"}))
        said.append(repository.fail({"app.json": '{"scripts": {"dokku": {"predeploy": "false"}}}'}))
    assert not [line for line in arguments if canary.encode() in line]
    commands = ("config:keys", "ps:inspect", "ps:report", "releases:list", "releases:info",
                "apps:report", "logs")  # fmt: skip
    said += [platform.ok(command, "secretive") for command in commands]
    refused = platform.paas("config:set", "--no-restart", "secretive", f"BAD KEY={canary}")
    said.append(refused.stdout.decode() + refused.stderr.decode())
    assert not [text for text in said if canary in text]
    assert canary not in (platform.root / "paasd.log").read_text()
    found = places_with(canary, platform.settings.state_dir)
    assert {name.split("/")[0].split("-")[0] for name in found} <= {"paas.db", "copies"}, found
    running = places_with(canary, platform.settings.run_dir)
    assert {name.split("/")[0] for name in running} <= {"containers"}, running
    for name in [*(platform.settings.state_dir / one for one in found),
                 *(platform.settings.run_dir / one for one in running)]:  # fmt: skip
        assert not open_to_others(name), name


def test_one_app_does_not_find_anothers_secret(platform: Instance, evil: Repository):
    look = "env; cat /proc/*/environ /proc/*/cmdline /app/* /tmp/* 2>/dev/null; true"
    assert "victims-secret" not in platform.paas(
        "run", "evil", "--", "sh", "-c", look
    ).stdout.decode("utf8", "replace")
