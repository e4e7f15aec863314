"""Re-pushes of a small app with a Dockerfile, beside buildah alone with the same change."""

import subprocess
import time
from pathlib import Path

from tests.bench.deploys import push_to_page
from tests.bench.measuring import Outcome, alternating, median, timed
from tests.e2e.instance import Instance

BASE = "paas/stack:run"
DOCKERFILE = f"""FROM {BASE}
WORKDIR /srv
COPY setup .
RUN sh setup
COPY index.html .
EXPOSE 8000
CMD ["python3", "-m", "http.server", "8000"]
"""
FILES = {"Dockerfile": DOCKERFILE, "setup": "mkdir /opt/tools; seq 100000 > /opt/tools/numbers\n"}
OWN_START = """
import subprocess, time, urllib.request
began = time.perf_counter()
app = subprocess.Popen(["python3", "-m", "http.server", "5999"], stdout=-3, stderr=-3)
while True:
    try:
        urllib.request.urlopen("http://127.0.0.1:5999/").read()
        break
    except OSError:
        time.sleep(0.002)
print(time.perf_counter() - began)
app.terminate()
"""
ABOVE_S = 1.2


def again(instance: Instance, runs: int) -> Outcome:
    """One file changed, all steps but the last ones as before."""
    repository = instance.repository("docked")
    repository.deploy({**FILES, "index.html": "first"})
    alone = Alone(instance)

    def push(number: int) -> float:
        text = f"version {number}"
        repository.commit({"index.html": text})
        return push_to_page(instance, repository, text)

    found = alternating(runs, push=push, buildah=alone.build)
    own = [own_start(instance) for _ in range(runs)]
    pushed, built, started = median(found["push"]), median(found["buildah"]), median(own)
    return Outcome(
        "re-push of a Dockerfile, one file changed, to the first 200",
        f"<= buildah alone + the app's own start + {ABOVE_S} s",
        f"{pushed:.2f} s (buildah alone {built:.2f} s, own start {started:.2f} s)",
        f"{pushed / (built + started):.2f} of both",
        pushed <= built + started + ABOVE_S,
        {**found, "own_start": own},
    )


def own_start(instance: Instance) -> float:
    """Seconds the app itself needs to its first answer, in the same image and limits."""
    said = instance.ok("--quiet", "run", "docked", "--", "python3", "-c", OWN_START)
    return float(said.split()[-1])


class Alone:
    """buildah on the host, as root, with the same base and files, steps kept likewise."""

    def __init__(self, instance: Instance) -> None:
        self.home = instance.root / "alone"
        self.context = self.home / "context"
        self.context.mkdir(parents=True)
        archive = self.home / "base.tar"
        instance.ok("images:export", BASE, "--output", str(archive))
        self._buildah("pull", f"docker-archive:{archive}")
        for name, text in FILES.items():
            (self.context / name).write_text(text)
        self.build(-1)

    def build(self, number: int) -> float:
        """Seconds of a build after one file changed."""
        (self.context / "index.html").write_text(f"version {number} {time.time()}")
        words = ("build", "--layers", "--isolation", "chroot", "--network", "host", "--pull-never")
        return timed(lambda: self._buildah(*words, "--tag", "docked", str(self.context)))

    def _buildah(self, *words: str) -> None:
        places = ("--root", str(self.home / "storage"), "--runroot", str(self.home / "run"))
        argv = ["buildah", *places, "--storage-driver", "overlay", *words]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=Path("/"), timeout=600)
        assert done.returncode == 0, done.stderr
