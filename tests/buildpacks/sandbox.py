"""A build container in miniature, for testing buildpacks without the daemon.

An overlay over the stack's build layers, a mount and pid namespace, the mounts of
a real build, and the app's user without privileges. Needs root.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from paas.image import growth, opaque

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = REPOSITORY / "tests" / "apps"
LIFECYCLE = ("/usr/bin/python3", "-I", "-S", "/buildpacks/lifecycle")
LAYERS_NEEDED = 10
APP_UID = 1000
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"

ENTER = """
set -e
mount -t overlay overlay -o "lowerdir=$LOWERS,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mkdir -p "$ROOT"/{buildpacks,packs,cache,config,result,.paas}
bind() { mount --bind "$1" "$ROOT/$2"; [ "$3" != ro ] || mount -o remount,bind,ro "$ROOT/$2"; }
bind "$BUILDPACKS" buildpacks ro; bind "$PACKS" packs ro
bind "$CACHE" cache; bind "$CONFIG" config ro; bind "$RESULT" result
: > "$ROOT/etc/resolv.conf" && mount --bind /etc/resolv.conf "$ROOT/etc/resolv.conf"
: > "$ROOT/etc/hosts" && mount --bind /etc/hosts "$ROOT/etc/hosts"
mkdir -p "$ROOT/etc/ssl/certs" && : >> "$ROOT$CERTIFICATES"
mount --bind "$CERTIFICATES" "$ROOT$CERTIFICATES"
: > "$ROOT/.paas/launch" && mount --bind "$BUILDPACKS/launch" "$ROOT/.paas/launch"
mount -t proc proc "$ROOT/proc"; mount --rbind /dev "$ROOT/dev"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
cd /
exec /usr/bin/env -i $ENVIRONMENT /usr/sbin/chroot "$ROOT" /usr/bin/setpriv --reuid "$USER_ID" \
  --regid "$USER_ID" --clear-groups --bounding-set=-all --no-new-privs -- "$@"
"""


@dataclass
class Run:
    """One run in the sandbox."""

    status: int
    output: str
    upper: Path
    results: dict


@dataclass
class Built:
    """A whole build: what it printed, what it made, and how to run it."""

    status: int
    output: str
    layers: list[Path]
    results: dict
    plan: list[dict] = field(default_factory=list)

    @property
    def app(self) -> Path:
        """The source layer's /app."""
        return self.layers[0] / "app"

    @property
    def build(self) -> dict:
        return self.results["build"]

    @property
    def error(self) -> dict:
        return self.results["error"]


class Sandbox:
    """Runs builds and processes over one stack; dependency layers are kept between tests."""

    def __init__(self, root: Path, stack: Sequence[Path]) -> None:
        self.root = root
        self.stack = list(stack)
        self.kept: dict[str, Path] = {}
        self.bases: dict[tuple[str, ...], Path] = {}
        self.count = 0

    def folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, APP_UID, APP_UID)
        return path

    def fresh(self, name: str) -> Path:
        self.count += 1
        return self.folder(f"{self.count}-{name}")

    def build(
        self,
        source: Path | dict[str, str | bytes],
        *,
        buildpacks: Sequence[str | Path] = (),
        config: dict[str, str] | None = None,
        archive: bytes | None = None,
        app: str = "",
        apart: bool = False,
    ) -> Built:
        """Build as the daemon does: ask for the plan, make its layers, build on top.

        app: builds of one app share a cache, and its layers grow out of earlier ones.
        buildpacks: names of ours, and folders with other people's. apart: built in a
        place of its own, as on Heroku.
        """
        archive = archive or packed(files_of(source))
        options = ["--apart"] if apart else []
        folders = {"config": self.config(config or {}), "cache": self.folder(f"cache-{app}")}
        if buildpacks:
            folders["packs"] = self.fresh("packs")
            options += ["--buildpacks", json.dumps(self.entries(buildpacks, folders["packs"]))]
        first = self.run([*LIFECYCLE, "build", *options], [], archive, **folders)
        if first.status != LAYERS_NEEDED:
            return Built(first.status, first.output, [first.upper], first.results)
        plan = first.results["plan"]["layers"]
        output, below = first.output, []
        for document in plan:
            made = self.layer(app, document, below, archive, **folders)
            output += made.output
            if made.status:
                return Built(made.status, output, [made.upper, *below], made.results, plan)
            below.insert(0, made.upper)
        have = ["--again", "--have", json.dumps(plan)]
        last = self.run([*LIFECYCLE, "build", *options, *have], below, archive, **folders)
        image = [
            path
            for path, document in zip(below, reversed(plan), strict=True)
            if not document.get("build_only")
        ]
        output += last.output
        return Built(last.status, output, [last.upper, *image], last.results, plan)

    def entries(self, buildpacks: Sequence[str | Path], folder: Path) -> list[dict[str, str]]:
        """The lifecycle's argument; the folders among them are copied to where builds see them."""
        found = []
        for number, pack in enumerate(buildpacks):
            found.append({"name": str(pack)})
            if isinstance(pack, Path):
                shutil.copytree(pack, folder / str(number), symlinks=True)
                found[-1] = {"name": pack.name, "path": f"/packs/{number}"}
        return found

    def planned(self, source: Path | dict[str, str], **folders: Path) -> list[dict]:
        """The layers that a build asks for."""
        done = self.run([*LIFECYCLE, "build"], [], packed(files_of(source)), **folders)
        assert done.status == LAYERS_NEEDED, done.output
        return done.results["plan"]["layers"]

    def layer(
        self, app: str, document: dict, below: list[Path], archive: bytes, **folders: Path
    ) -> Run:
        """A layer of the plan, or the one made of the same files before."""
        below = [] if document.get("system") else below
        if document.get("shared"):
            folders = {"config": self.fresh("config"), "cache": self.fresh("cache")}
        config = [path.read_text() for path in sorted(folders["config"].iterdir())]
        key = hashlib.sha256(
            json.dumps([document, [str(path) for path in below], config]).encode()
            + listed(archive, document["files"])
        ).hexdigest()
        if key in self.kept:
            return Run(0, "", self.kept[key], {})
        kind = (app, document["pack"], document["name"], document.get("runtime"), *config)
        grows = document.get("grows", False)
        base = self.bases.get(kind) if grows and app else None
        done = self.install(document, base, below, archive, **folders)
        if done.status and base and not done.results["error"]["certain"]:
            base, done = None, self.install(document, None, below, archive, **folders)
        if done.status == 0:
            if grows:
                growth.complete(done.upper, base, [f"app/{path}" for path in document["provides"]])
            if document.get("system") == "run":
                opaque.reveal(done.upper, self.stack[-1:])
            self.kept[key] = self.bases[kind] = done.upper
        return done

    def install(
        self, document: dict, base: Path | None, below: list[Path], archive: bytes, **folders: Path
    ) -> Run:
        argv = [
            *LIFECYCLE,
            "layer",
            "--layer",
            json.dumps(document),
            *(["--grown"] if base else []),
        ]
        stack = [base, *below] if base else below
        system = document.get("system", "")
        return self.run(argv, stack, listed(archive, document["files"]), system=system, **folders)

    def config(self, variables: dict[str, str]) -> Path:
        folder = self.fresh("config")
        for name, value in variables.items():
            (folder / name).write_text(value)
        return folder

    def run(
        self,
        argv: Sequence[str],
        layers: Sequence[Path],
        stdin: bytes = b"",
        *,
        config: Path,
        cache: Path,
        environment: dict[str, str] | None = None,
        system: str = "",
        packs: Path | None = None,
    ) -> Run:
        """Run a program to its end on top of layers (top first).

        system: as root, without a capability, over that variant of the stack alone.
        """
        upper, result = self.fresh("upper"), self.fresh("result")
        if "--apart" in argv:
            (upper / "build").mkdir()
            os.chown(upper / "build", APP_UID, APP_UID)
        child = self.start(
            argv, layers, upper, config=config, cache=cache, result=result,
            environment=environment, user=0 if system else APP_UID,
            stack=self.stack[-1:] if system == "run" else self.stack, packs=packs,
        )  # fmt: skip
        output, _ = child.communicate(stdin)
        results = {path.stem: json.loads(path.read_text()) for path in result.glob("*.json")}
        return Run(child.returncode, output.decode(errors="replace"), upper, results)

    def start(
        self,
        argv: Sequence[str],
        layers: Sequence[Path],
        upper: Path,
        *,
        config: Path,
        cache: Path,
        result: Path,
        environment: dict[str, str] | None = None,
        user: int = APP_UID,
        stack: Sequence[Path] = (),
        packs: Path | None = None,
    ) -> subprocess.Popen:
        """stack: what is below the layers, top first; empty: what builds have."""
        os.chown(upper, 0, 0)
        upper.chmod(0o755)
        os.chown(result, user, user)
        bundle = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE")
        inside = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/app",
            "LANG": "C.UTF-8",
            "STACK": "heroku-24",
            "SOURCE_VERSION": "0" * 40,
            "REQUEST_ID": "01234567-89ab-4def-8123-456789abcdef",
            **dict.fromkeys(bundle, CERTIFICATES),
            "UV_SYSTEM_CERTS": "1",
            "UV_NATIVE_TLS": "1",
            **(environment or {}),
        }
        outside = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "USER_ID": str(user),
            "LOWERS": ":".join(str(path) for path in [*layers, *(stack or self.stack)]),
            "UPPER": str(upper),
            "WORK": str(self.fresh("work")),
            "ROOT": str(self.fresh("root")),
            "BUILDPACKS": str(REPOSITORY / "buildpacks"),
            "PACKS": str(packs or self.fresh("packs")),
            "CACHE": str(cache),
            "CONFIG": str(config),
            "RESULT": str(result),
            "CERTIFICATES": CERTIFICATES,
        }
        variables = [f"{key}={value}" for key, value in inside.items()]
        script = ENTER.replace("$ENVIRONMENT", '"${@:1:%d}"' % len(variables))  # noqa: UP031
        script = script.replace('-- "$@"', '-- "${@:%d}"' % (len(variables) + 1))  # noqa: UP031
        return subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
             "bash", "-c", script, "sandbox", *variables, *argv],
            env=outside,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    @contextmanager
    def serving(self, built: Built, command: str | None = None) -> Iterator["Site"]:
        """The web process of a build, started as an app's container would, until it listens."""
        command = command or built.build["processes"]["web"]
        with held_port() as port:
            child = self.start(
                ["/.paas/launch", command],
                built.layers,
                self.fresh("upper"),
                config=self.fresh("config"),
                cache=self.fresh("cache"),
                result=self.fresh("result"),
                environment={
                    **built.build["environment"],
                    "PORT": str(port),
                    "MEMORY_AVAILABLE": "512",
                },
                stack=self.stack[-1:],
            )
            try:
                wait_listening(child, port)
                yield Site(port, child)
            finally:
                end(child)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


@dataclass
class Site:
    """A served app."""

    port: int
    process: subprocess.Popen

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> "Answer":
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers=headers or {}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())


@dataclass
class Answer:
    """What a site answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@contextmanager
def held_port() -> Iterator[int]:
    """A port that the kernel gives to nobody else for the block; a server may listen on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def wait_listening(child: subprocess.Popen, port: int) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if child.poll() is not None or time.monotonic() > until:
                output = end(child)
                raise AssertionError(f"nothing listened on {port}:\n{output}") from None
            time.sleep(0.02)
        else:
            return


def send(child: subprocess.Popen, number: int) -> None:
    """Signal the program itself, the first process of the namespace below unshare."""
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), number)


def end(child: subprocess.Popen) -> str:
    """Kill the whole namespace and return what it had said."""
    if child.poll() is None:
        send(child, signal.SIGKILL)
    return child.communicate(timeout=60)[0].decode(errors="replace")


def files_of(source: Path | dict[str, str | bytes]) -> dict[str, bytes]:
    if isinstance(source, dict):
        texts = source.items()
        return {name: text.encode() if isinstance(text, str) else text for name, text in texts}
    paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
    kept = [path for path in paths if "__pycache__" not in path.parts]
    return {str(path.relative_to(source)): path.read_bytes() for path in kept}


def packed(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A tar as `git archive` makes it: sorted, without folders of its own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1_700_000_000
            member.mode = 0o755 if data.startswith(b"#!") else 0o644
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def listed(archive: bytes, names: list[str]) -> bytes:
    """The archive with only the named files and folders; all of it for the whole tree."""
    if names == ["."]:
        return archive
    folders = tuple(name for name in names if name.endswith("/"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        members = [
            member
            for member in source
            if (member.name in names or member.name.startswith(folders)) and member.isreg()
        ]
        return packed({m.name: source.extractfile(m).read() for m in members})
