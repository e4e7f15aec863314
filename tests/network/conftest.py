"""An instance's networks, cleared afterwards, and processes in a container's place."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from paas.command import Completed, Runner
from paas.model.container import ContainerSpec, Kind, Limits, new_container_id
from paas.network.networks import Attachment, Networks
from paas.settings import Settings


@dataclass(frozen=True)
class Place:
    """A container's place on the network, with nothing running in it but what a test starts."""

    id: str
    attachment: Attachment

    @property
    def address(self) -> str:
        return str(self.attachment.address)

    def argv(self, *argv: str) -> tuple[str, ...]:
        """argv as the container's root: its user namespace, its network, no more."""
        enter = f"--net={self.attachment.network_namespace}"
        user = f"--user={self.attachment.user_namespace}"
        return ("nsenter", enter, user, "--", *argv)

    def run(self, *argv: str, check: bool = False) -> Completed:
        return Runner().run(self.argv(*argv), check=check, timeout_s=120)

    def python(self, code: str) -> Completed:
        return self.run("/usr/bin/python3", "-c", code)

    def connects(self, host: str, port: int, patience_s: int = 30) -> str:
        """`yes`, or the name of the error; less patience where nobody will answer."""
        code = (
            "import socket, sys\n"
            "try:\n"
            f"    socket.create_connection(({host!r}, {port}), {patience_s}).close()\n"
            "    print('yes')\n"
            "except OSError as error: print(type(error).__name__, error)\n"
        )
        return self.python(code).text.strip()


@pytest.fixture
def networks(settings: Settings) -> Iterator[Networks]:
    made = Networks(settings, Runner())
    try:
        made.ensure()
        yield made
    finally:
        made.clear()


@pytest.fixture
def place(networks: Networks) -> Callable[..., Place]:
    def attach(slot: int = 1, **limits: int) -> Place:
        spec = ContainerSpec(
            id=new_container_id(),
            app=f"app{slot}",
            slot=slot,
            kind=Kind.APP,
            process="web",
            index=secrets.randbelow(100),
            layers=(),
            argv=("true",),
            limits=Limits(**limits),
        )
        return Place(spec.id, networks.attach(spec))

    return attach
