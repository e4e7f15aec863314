"""A certificate authority for tests: pebble, with names that all lead to this machine."""

import json
import subprocess
from pathlib import Path

import requests

from paas.model.certificate import self_signed
from tests.conftest import free_port
from tests.e2e.instance import Instance
from tests.proxy.test_passing import wait_for

BLOCKED = "blocked.example.org"  # nobody gets a certificate for it


class Authority:
    """Speaks ACME at `directory`; begun and ended by its owner."""

    def __init__(self, root: Path, http_port: int) -> None:
        root.mkdir()
        self.root = root
        self.port, self.management, self.names = free_port(), free_port(), free_port()
        self.dns = f"127.0.0.1:{free_port()}"
        self.directory = f"https://localhost:{self.port}/dir"
        self.roots = f"https://localhost:{self.management}/roots/0"
        self.certificate = root / "own.pem"
        made = self_signed(["localhost"])
        self.certificate.write_text(made.chain)
        (root / "key.pem").write_text(made.key)
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.certificate),
            "privateKey": str(root / "key.pem"),
            "httpPort": http_port,
            "tlsPort": free_port(),
            "ocspResponderURL": "",
            "domainBlocklist": [BLOCKED],
        }
        (root / "config.json").write_text(json.dumps({"pebble": settings}))
        self._children: list[subprocess.Popen[bytes]] = []

    def begin(self) -> None:
        """Start both, and wait until it answers."""
        names = (
            *("pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
            *("-dns01", f"127.0.0.1:{self.names}", "-management", self.dns),
            *("-http01", "", "-https01", "", "-tlsalpn01", ""),
        )
        authority = ("pebble", "-config", f"{self.root}/config.json", "-dnsserver", names[6])
        with (self.root / "log").open("w") as log:
            for argv in (names, authority):
                environment = {"PEBBLE_VA_NOSLEEP": "1", "PATH": "/usr/bin", "HOME": "/"}
                child = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
                self._children.append(child)
        assert wait_for(self._answers, 60), (self.root / "log").read_text()[-2000:]

    def _answers(self) -> bool:
        try:
            requests.get(f"http://{self.dns}/", timeout=5)
            for address in (self.directory, self.roots):
                requests.get(address, verify=str(self.certificate), timeout=5).raise_for_status()
        except requests.RequestException:
            return False
        return True

    def lead(self, name: str, address: str) -> None:
        """Have a name lead elsewhere than here."""
        body = {"host": f"{name}.", "addresses": [address]}
        assert requests.post(f"http://{self.dns}/add-a", json=body, timeout=20).ok

    def root_certificate(self) -> Path:
        """Who has to be trusted by whoever trusts what it issues."""
        path = self.root / "root.pem"
        path.write_text(requests.get(self.roots, verify=str(self.certificate), timeout=20).text)
        return path

    def end(self) -> None:
        for child in self._children:
            child.terminate()
            child.wait()

    def trusted_by(self, platform: Instance) -> None:
        """Have an instance believe that it is who it says."""
        platform.settings.ca_bundle.write_bytes(self.certificate.read_bytes())
