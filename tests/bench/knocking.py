"""Knocks at an address until it opens; as a program, after starting what shall open it."""

import socket
import subprocess
import sys
import time


def knock(address: str) -> None:
    """Try port 5000 until a connection is accepted."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((address, 5000), timeout=1):
                return
        except OSError:
            time.sleep(0.001)
    raise AssertionError(f"{address} never accepted")


if __name__ == "__main__":
    began = time.perf_counter()
    subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
    knock(sys.argv[1])
    sys.stdout.write(f"{time.perf_counter() - began}\n")
