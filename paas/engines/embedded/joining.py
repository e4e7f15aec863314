"""Joining: extra processes in running containers, as the container's user and within its bounds.

Touches: runc exec, files of its own in the container's directory, signals. Those in the
foreground end with their caller; guests go on.
"""

import secrets
from collections.abc import Mapping

from paas.command import Runner
from paas.engines.base import Session, Streams
from paas.engines.embedded import processes, runtime, session
from paas.engines.embedded import spec as oci
from paas.engines.embedded.bundle import Bundles
from paas.engines.embedded.cgroups import signal_process
from paas.engines.embedded.exits import classify
from paas.model.container import Container, ContainerSpec, ExitStatus


class Joining:
    """Safe to use from several threads."""

    def __init__(self, runner: Runner, bundles: Bundles) -> None:
        self._runner = runner
        self._bundles = bundles
        self._cgroups = bundles.cgroups

    def described(
        self,
        spec: ContainerSpec,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        terminal: oci.Size | None,
    ) -> dict[str, object]:
        """The process for runc, with the container's environment and what comes on top."""
        return oci.process(
            spec,
            self._bundles.machine(),
            argv=argv,
            environment={**spec.environment, **environment},
            terminal=terminal,
            under_init=False,
        )

    def begin(
        self, container: Container, process: Mapping[str, object], streams: Streams
    ) -> Session:
        """Run a described process in the foreground; PaasError when it cannot be started."""
        name = f"exec-{secrets.token_hex(4)}"
        file = self._bundles.process_file(container.spec, name, process)
        pid_file, runc_log = file.with_suffix(".pid"), file.with_suffix(".log")
        before = self._cgroups.memory_kills(container.id)

        def judge(code: int) -> ExitStatus:
            return classify(code, self._cgroups.memory_kills(container.id) - before, stopped=False)

        def kill(pid: int) -> None:
            processes.kill_family(pid, lambda: self._cgroups.pids(container.id))

        def clean() -> None:
            for path in (file, pid_file, runc_log):
                path.unlink(missing_ok=True)

        directories = self._bundles.directories
        argv = runtime.runc_exec(directories, container.id, file, pid_file, runc_log)
        ways = session.Ways(signal=signal_process, kill=kill, judge=judge, clean=clean)
        try:
            started = session.begin(self._runner, argv, streams, pid_file, runc_log, ways)
        except BaseException:
            clean()
            raise
        file.unlink(missing_ok=True)
        return started
