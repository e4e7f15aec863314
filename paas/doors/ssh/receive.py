"""Pushes and fetches: git's own server end, as the git user, on the channel's streams.

Touches: git receive-pack and upload-pack, started through the Runner; a push's in a cell
of its own, since a small pack can unfold to any size. Which app may be pushed to is the
deploy room's business (prepare); what is pushed is the hook's.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from paas.command import Runner
from paas.console import Console
from paas.doors.ssh.commandline import GitRequest
from paas.engines.embedded.cells import cell
from paas.engines.embedded.cgroups import Cgroups
from paas.errors import AppNotFound, PaasError, PermissionDenied
from paas.git import pushes
from paas.git.repositories import Repositories
from paas.model.caller import Caller, Role
from paas.polling import readable
from paas.settings import Settings

END_S = 2.0  # for git to delete what it has received so far
PIPE_BYTES = 1 << 20  # the most a pipe may have without asking the administrator (pipe(7))


# service, app, who asks, and where to speak to whoever does
Told = Callable[[str, str, Caller, Console], None]


@dataclass(frozen=True, slots=True)
class GitServer:
    """What a push needs; prepare(app, actor) makes the app and its repository, or refuses.

    ask: plugins whether this caller may; told: them, that a fetch is over.
    """

    settings: Settings
    runner: Runner
    repositories: Repositories
    prepare: Callable[[str, str], object]
    cgroups: Cgroups
    ask: Told = lambda *_: None
    told: Told = lambda *_: None

    def serve(self, request: GitRequest, caller: Caller, console: Console) -> int:
        """Run git to its end on the console's streams; PaasError when it may not start."""
        if Role.ADMIN not in caller.roles:
            raise PermissionDenied(f"{caller.name} may not use {request.app}'s repository")
        self.ask(request.service, request.app, caller, console)
        if request.service == "receive-pack":
            return self._receive(request.app, caller, console)
        status = self._upload(request.app, console)
        self.told(request.service, request.app, caller, console)
        return status

    def _receive(self, app: str, caller: Caller, console: Console) -> int:
        self.prepare(app, caller.name)
        try:
            with pushes.registered(app, caller, console) as token:
                variables = {"PAAS_PUSH": token, "PAAS_SOCKET": str(self.settings.socket)}
                return self._bounded(self.repositories.receive_command(app, variables), console)
        finally:
            self.repositories.drop_abandoned(app)

    def _bounded(self, command: tuple[tuple[str, ...], dict[str, str]], console: Console) -> int:
        limit = self.settings.push_memory_bytes
        with cell(self.cgroups, limit) as bounds:
            status = self._run(command, console, bounds.enter)
            if bounds.ran_out:
                raise PaasError(
                    f"git needed more than {limit >> 20} MiB of memory to take this push in",
                    "push fewer or smaller files, or raise push_memory_bytes in the settings",
                )
            return status

    def _upload(self, app: str, console: Console) -> int:
        if not self.repositories.exists(app):
            raise AppNotFound(app)
        return self._run(self.repositories.upload_command(app, {}), console)

    def _run(
        self,
        command: tuple[tuple[str, ...], dict[str, str]],
        console: Console,
        prepare: Callable[[], None] | None = None,
    ) -> int:
        argv, environment = command
        with contextlib.suppress(OSError):
            fcntl.fcntl(console.stdin, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        child = self.runner.spawn(
            argv,
            stdin=console.stdin,
            stdout=console.stdout,
            stderr=console.stderr,
            env=environment,
            user=self.settings.git_uid,
            gently=True,
            prepare=prepare,
        )
        console.on_cancel(lambda: end_group(child))
        status = child.wait()
        return status if status >= 0 else 128 - status


def end_group(child: "subprocess.Popen[bytes]") -> None:
    """End git and what it started: told to, it puts its files away; what stays is killed."""
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(child.pid)
        try:
            signal_group(child, signal.SIGTERM)
            readable([process], END_S)
            signal_group(child, signal.SIGKILL)
        finally:
            os.close(process)


def signal_group(child: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Its pid is its group, and is not reused before wait()."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
