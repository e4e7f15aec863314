"""Our own nginx: one master with its own configuration, directories and pid file.

Touches: <state>/proxy and <run>/proxy, the processes of this nginx, signals to
them. It daemonizes into a session of its own and outlives the daemon; a later
daemon adopts it by its pid file. The system's nginx is never touched.
"""

import contextlib
import logging
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from paas import priority
from paas.command import Runner
from paas.errors import PaasError
from paas.model.certificate import self_signed
from paas.proxy import listening, ports
from paas.proxy.control import Control
from paas.proxy.listening import Doors
from paas.proxy.render import DOORS, Inputs, Site
from paas.proxy.table import sync_directory, write_durably
from paas.settings import Settings

log = logging.getLogger(__name__)

# the Debian packages' places, and the order in which the modules depend on each other
MODULE_DIRECTORIES = (Path("/usr/lib/nginx/modules"), Path("/usr/share/nginx/modules"))
WORKER_GROUP = "www-data"
MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
READ_BY_WORKERS = ("passwords.lua",)  # in threads of theirs, which have nothing from the master
CONNECTIONS = 16384  # a worker's; a proxied request takes two
DESCRIPTORS_BESIDE = 64  # logs, listening sockets and the like
START_S = 10.0
QUIT_S = 10.0  # for requests under way when the proxy is stopped
TERM_S = 5.0
LEAVING_S = 1.0  # a process that was killed is not seen any more a moment before its ports are free
POLL_S = 0.01
WORKER = b"nginx: worker process"
SESSION_NICE = -10  # as its workers have it among themselves (worker_priority)


class Nginx:
    """The process and its directories."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self._settings = settings
        self._runner = runner
        self.state = settings.state_dir / "proxy"
        self.run = settings.run_dir / "proxy"
        self.logs = self.state / "logs"
        self.app_logs = self.logs / "apps"
        self.socket = self.run / "control.sock"
        self.current = self.state / "current"
        self.table = self.state / "routes"
        self.held = settings.run_dir / "requests-held"  # workers must be able to see it
        self.stopped = settings.run_dir / "proxy-stopped"  # somebody wants it so
        self.certificates = self.state / "certificates"
        self.pages = self.state / "pages"

    # -- what it is started with -------------------------------------------------

    def inputs(self) -> Inputs:
        """What of this machine and the settings goes into the configuration."""
        settings = self._settings
        _, open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        open_files = min(open_files, CONNECTIONS * 2 + DESCRIPTORS_BESIDE)
        return Inputs(
            sites=self.state / "sites",
            run=self.run,
            logs=self.logs,
            table=self.table,
            held=self.held,
            certificates=self.certificates,
            pages=self.pages,
            webhooks=settings.webhook_socket,
            modules=modules(),
            addresses=ports.addresses(settings.listen_address, ipv6=ports.has_ipv6()),
            http_port=settings.http_port,
            https_port=settings.https_port,
            ssh_port=settings.ssh_port,
            workers=len(os.sched_getaffinity(0)),
            open_files=open_files,
            connections=min(CONNECTIONS, open_files - DESCRIPTORS_BESIDE),
        )

    def make_directories(self) -> None:
        """The run directory is root's alone; the logs are where workers can reopen them."""
        (self.run / "temp").mkdir(parents=True, exist_ok=True)
        self.run.chmod(0o700)
        self.logs.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o711)
        for directory in (self.logs, self.app_logs):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o710)
            shutil.chown(directory, group=WORKER_GROUP)
        self.certificates.mkdir(mode=0o700, exist_ok=True)
        self.pages.mkdir(mode=0o711, exist_ok=True)
        nobody = self.certificates / "nobody.pem"
        if not nobody.exists():
            write_durably(nobody, self_signed(["nobody.invalid"]).pem)

    def log_directories(self, apps: Iterable[str]) -> None:
        """Where apps with log files of their own have them."""
        for app in apps:
            directory = self.app_logs / app
            directory.mkdir(mode=0o710, exist_ok=True)
            shutil.chown(directory, group=WORKER_GROUP)

    def drop_logs(self, app: str, heir: str | None = None) -> None:
        """Remove an app's own log files, or leave them to the name it has from now on."""
        directory = self.app_logs / app
        if heir and directory.is_dir() and not (self.app_logs / heir).exists():
            directory.rename(self.app_logs / heir)
        shutil.rmtree(directory, ignore_errors=True)

    def install(self, site: Site) -> None:
        """Write the site, have nginx check it, and make it the current one."""
        self.check(site)
        self.choose(site.digest)

    def check(self, site: Site) -> None:
        """Write the site and have nginx check it; PaasError with what it does not accept."""
        directory = self.state / "sites" / site.digest
        if self.pid() is not None and self.current.resolve() == directory.resolve():
            return  # it runs by it
        if not directory.exists():
            self._write(site, directory)
        self._check(directory)

    def choose(self, digest: str) -> None:
        """Make a checked site the one that is read next."""
        link = self.state / ".current.new"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("sites") / digest)
        link.replace(self.current)
        sync_directory(self.state)

    def drop_site(self, digest: str) -> None:
        """Forget a site that is not the current one."""
        if self.current.resolve().name != digest:
            shutil.rmtree(self.state / "sites" / digest, ignore_errors=True)

    def _write(self, site: Site, directory: Path) -> None:
        temporary = directory.with_name(".new")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for name, text in site.files.items():
            (temporary / name).write_text(text)
            (temporary / name).chmod(0o644 if name in READ_BY_WORKERS else 0o600)
        temporary.chmod(0o711)
        temporary.rename(directory)

    def _check(self, directory: Path) -> None:
        done = self._runner.run((*self._argv(directory), "-t"), cwd=Path("/"), check=False)
        if done.status != 0:
            shutil.rmtree(directory, ignore_errors=True)
            raise failure("nginx does not accept its configuration", done.stderr)

    def drop_old_sites(self) -> None:
        """Remove the directories of sites no longer current."""
        kept = self.current.resolve().name
        for directory in (self.state / "sites").iterdir():
            if directory.name != kept:
                shutil.rmtree(directory, ignore_errors=True)

    def doors(self) -> Doors:
        """What it has open beside the ordinary ports; nothing when it does not run."""
        return self._told() if self.pid() is not None else frozenset()

    def _told(self) -> Doors:
        """What its current site has it open beside the ordinary ports."""
        try:
            return listening.decode((self.current / DOORS).read_text())
        except FileNotFoundError:
            return frozenset()

    def _argv(self, site: Path) -> tuple[str, ...]:
        configuration = str(site / "nginx.conf")
        return ("nginx", "-p", str(self.run), "-c", configuration, "-e", f"{self.logs}/error.log")

    # -- the process ---------------------------------------------------------------

    def pid(self) -> int | None:
        """The master's process id, when it runs and is ours."""
        try:
            pid = int((self.run / "nginx.pid").read_text())
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        ours = title.startswith(b"nginx: master process") and os.fsencode(self.current) in title
        return pid if ours else None

    def launch(self) -> None:
        """Start it; it listens when this returns. Raises PaasError when a port is taken."""
        self.end_orphans()
        wait_until(self._ports_free, LEAVING_S)
        self._check_ports()
        self.socket.unlink(missing_ok=True)  # what a killed master leaves would be "in use"
        done = self._runner.run(self._argv(self.current), cwd=Path("/"), check=False)
        if done.status != 0:
            raise failure("nginx did not start", done.stderr)
        self.socket.chmod(0o600)
        if (pid := self.pid()) is not None:
            priority.weigh_session(pid, SESSION_NICE)
            priority.answer_soon([pid])  # first: what it starts from now on is like it
            priority.answer_soon(children(pid))

    def _check_ports(self) -> None:
        settings = self._settings
        for setting in ("http_port", "https_port"):
            ports.check_free(settings.listen_address, getattr(settings, setting), setting)

    def _ports_free(self) -> bool:
        try:
            self._check_ports()
            for _, port in self._told():
                ports.check_free(self._settings.listen_address, port, "port")
        except PaasError:
            return False
        return True

    def end_orphans(self) -> None:
        """Workers whose master was killed give the ports up and end what is under way."""
        orphans = self._orphans()
        for pid in orphans:
            log.warning("nginx's worker %d has lost its master", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        if orphans:
            wait_until(self._ports_free, TERM_S)

    def _orphans(self) -> list[int]:
        """Workers of the last master, which is not there any more."""
        try:
            return workers_of(int((self.run / "nginx.pid").read_text()))
        except (OSError, ValueError):
            return []

    def reload(self) -> None:
        """Have it read the current site; requests under way end on the old workers.

        No new connection goes to those when this returns.
        """
        old = self._workers()
        self._signal(signal.SIGHUP)
        if not wait_until(lambda: old.isdisjoint(self._workers()), START_S):
            log.warning("nginx goes on by its configuration before")

    def _workers(self) -> set[int]:
        """Its workers that take new connections: others say in their titles what they do."""
        pid, found = self.pid(), set()
        for child in children(pid) if pid is not None else ():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/cmdline").read_bytes().rstrip(b"\0 ") == WORKER:
                    found.add(child)
        return found

    def reopen_logs(self) -> None:
        """Have it open its logs anew, after they were renamed."""
        self._signal(signal.SIGUSR1)

    def stop(self) -> None:
        """End it: requests under way first, then, after QUIT_S, whatever is left."""
        for number, patience_s in ((signal.SIGQUIT, QUIT_S), (signal.SIGTERM, TERM_S)):
            if self._signal(number) and not self._gone(patience_s):
                log.info("nginx goes on after %s", number.name)
        if self._signal(signal.SIGKILL) and not self._gone(TERM_S):
            raise PaasError("nginx does not stop")
        self.end_orphans()  # as a master that was killed leaves them
        for pid in self._orphans():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self._orphans(), TERM_S)
        self.socket.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> bool:
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid is not None

    def _gone(self, patience_s: float) -> bool:
        return wait_until(lambda: self.pid() is None, patience_s)

    def wait_for_site(self, control: Control, digest: str) -> None:
        """Until new connections are answered by workers of this site."""

        def there() -> bool:
            control.close()
            with contextlib.suppress(PaasError):
                return control.site() == digest
            return False

        if not wait_until(there, START_S):
            raise PaasError(
                f"nginx did not take up its configuration within {START_S:.0f} s",
                f"see the end of {self.logs}/error.log",
            )


def children(pid: int) -> list[int]:
    """Those of a process with one thread; none when it is gone."""
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def workers_of(master: int) -> list[int]:
    """Workers in the session that a master began, which lasts as long as they do."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            title = (entry / "cmdline").read_bytes()
            stat = (entry / "stat").read_text().rpartition(") ")[2].split()  # proc_pid_stat(5)
            if title.startswith(b"nginx: worker process") and int(stat[3]) == master:
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def modules() -> tuple[str, ...]:
    """Paths of the modules to load, or PaasError naming the missing package."""
    for directory in MODULE_DIRECTORIES:
        if all((directory / name).exists() for name in MODULES):
            return tuple(str(directory / name) for name in MODULES)
    raise PaasError(
        "nginx's lua module is not installed",
        "apt-get install nginx-light libnginx-mod-http-lua",
    )


def failure(summary: str, stderr: bytes) -> PaasError:
    """The first complaint of nginx, without its prefix."""
    lines = stderr.decode(errors="replace").splitlines()
    serious = [line for line in lines if "[emerg]" in line or "[error]" in line] or lines
    reason = serious[0].partition("] ")[2] or serious[0] if serious else "it said nothing"
    return PaasError(f"{summary}: {reason}")
