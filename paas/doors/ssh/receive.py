"""Pushes and fetches: git's own server end, as the git user, on the channel's streams.

Touches: git receive-pack and upload-pack, started through the Runner. Which app may be
pushed to is the deploy room's business (prepare); what is pushed is the hook's.
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
from paas.errors import AppNotFound, PermissionDenied
from paas.git import pushes
from paas.git.repositories import Repositories
from paas.model.caller import Caller, Role
from paas.settings import Settings

PIPE_BYTES = 1 << 20  # the most a pipe may have without asking the administrator (pipe(7))


@dataclass(frozen=True, slots=True)
class GitServer:
    """What a push needs; prepare(app, actor) makes the app and its repository, or refuses."""

    settings: Settings
    runner: Runner
    repositories: Repositories
    prepare: Callable[[str, str], object]

    def serve(self, request: GitRequest, caller: Caller, console: Console) -> int:
        """Run git to its end on the console's streams; PaasError when it may not start."""
        if Role.ADMIN not in caller.roles:
            raise PermissionDenied(f"{caller.name} may not use {request.app}'s repository")
        if request.service == "receive-pack":
            return self._receive(request.app, caller, console)
        return self._upload(request.app, console)

    def _receive(self, app: str, caller: Caller, console: Console) -> int:
        self.prepare(app, caller.name)
        with pushes.registered(app, caller, console) as token:
            variables = {"PAAS_PUSH": token, "PAAS_SOCKET": str(self.settings.socket)}
            return self._run(self.repositories.receive_command(app, variables), console)

    def _upload(self, app: str, console: Console) -> int:
        if not self.repositories.exists(app):
            raise AppNotFound(app)
        return self._run(self.repositories.upload_command(app, {}), console)

    def _run(self, command: tuple[tuple[str, ...], dict[str, str]], console: Console) -> int:
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
        )
        console.on_cancel(lambda: kill_group(child))
        status = child.wait()
        return status if status >= 0 else 128 - status


def kill_group(child: "subprocess.Popen[bytes]") -> None:
    """End git and what it started; its pid is its group, and is not reused before wait()."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
