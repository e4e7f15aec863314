"""runc and conmon: their command lines, how a container is started, what they say when not.

Touches: both through the Runner; runc's exec.fifo. Sources: runc(8), conmon(8); conmon
writes the container's pid, or -1 and why, to the pipe that _OCI_SYNCPIPE names.
"""

import json
import os
import re
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from paas.command import Runner, missing
from paas.errors import PaasError
from paas.model.container import ContainerSpec

RUNC = "/usr/sbin/runc"
CONMON = "/usr/bin/conmon"
CREATE_TIMEOUT_S = 30.0
START_TIMEOUT_S = 10.0
VERDICT_TIMEOUT_S = 0.5
MESSAGE_BYTES = 1 << 20

# runc lives for a tenth of a second: collecting its garbage costs more than it frees
GO_ENVIRONMENT = {"GOGC": "off"}


@dataclass(frozen=True, slots=True)
class Directories:
    """Where one instance keeps what runc and conmon need."""

    run_dir: Path

    @property
    def runc(self) -> Path:
        """Where runc keeps its state: its --root."""
        return self.run_dir / "runc"

    @property
    def exits(self) -> Path:
        """Where conmon leaves exit codes, in files named after containers."""
        return self.run_dir / "exits"

    @property
    def containers(self) -> Path:
        return self.run_dir / "containers"

    def container(self, container_id: str) -> Path:
        return self.containers / container_id

    def guests(self, container_id: str) -> Path:
        """Where those keep what is theirs that have a terminal of their own in it."""
        return self.container(container_id) / "guests"

    def pid_file(self, container_id: str) -> Path:
        return self.container(container_id) / "pid"

    def frozen(self, container_id: str) -> Path:
        """A mark that is there while somebody holds the container still."""
        return self.container(container_id) / "frozen"

    def runc_log(self, container_id: str) -> Path:
        return self.container(container_id) / "runc.log"

    def make(self) -> None:
        """Create them; containers' own uids may pass through, but not look around."""
        for path, mode in ((self.containers, 0o711), (self.runc, 0o700), (self.exits, 0o700)):
            path.mkdir(mode=mode, parents=True, exist_ok=True)
        self.run_dir.chmod(0o711)


def runc(directories: Directories, *arguments: str, log: Path | None = None) -> tuple[str, ...]:
    """A runc command line; its own messages go to log, as JSON lines."""
    logging = ("--log", str(log), "--log-format", "json") if log else ()
    return (RUNC, "--root", str(directories.runc), *logging, *arguments)


def runc_run(directories: Directories, container_id: str) -> tuple[str, ...]:
    """Run a container in the foreground, its streams relayed.

    runc keeps the cgroup afterwards: it says whether the kernel killed for memory.
    """
    return runc(
        directories,
        # kept when it ends: the control group still has to say whether memory ran out
        *("run", "--keep", "--no-new-keyring"),
        *("--bundle", str(directories.container(container_id))),
        *("--pid-file", str(directories.pid_file(container_id)), container_id),
        log=directories.runc_log(container_id),
    )


def runc_exec(
    directories: Directories, container_id: str, process: Path, pid_file: Path, log: Path
) -> tuple[str, ...]:
    """Run the process described in a file in a running container, in the foreground."""
    return runc(
        directories,
        *("exec", "--process", str(process), "--pid-file", str(pid_file), container_id),
        log=log,
    )


def conmon(directories: Directories, spec: ContainerSpec, log_max_bytes: int) -> tuple[str, ...]:
    """Create a container under conmon, which goes into the background when that is done.

    Its terminal, if it has one, goes on when nobody is attached; a pipe's end is the end.
    """
    return (
        *monitor(directories, spec.id, directories.container(spec.id)),
        *(("--terminal", "--leave-stdin-open") if spec.terminal else ()),
        *(("--stdin",) if spec.interactive else ()),
        *("--exit-dir", str(directories.exits)),
        *("--log-path", ("k8s-file:" + str(spec.log)) if spec.log else "none"),
        *("--log-size-max", str(log_max_bytes), "--no-new-keyring"),
    )


def conmon_exec(
    directories: Directories, container_id: str, home: Path, log_max_bytes: int
) -> tuple[str, ...]:
    """Run <home>/process.json in a running container, on a terminal that conmon holds.

    It waits for whoever starts it to be on the wire. All it leaves lies in home: its exit code in
    `exit`, for in an exit directory it would be the container's.
    """
    return (
        *monitor(directories, container_id, home),
        *("--exec", "--exec-attach", "--exec-process-spec", str(home / "process.json")),
        *("--terminal", "--leave-stdin-open", "--stdin"),
        *("--log-path", f"k8s-file:{home / 'terminal.log'}"),
        *("--log-size-max", str(log_max_bytes)),
    )


def monitor(directories: Directories, container_id: str, home: Path) -> tuple[str, ...]:
    """What every conmon is told: its container, and the directory of what is its own."""
    return (
        *(CONMON, "--api-version", "1", "--cid", container_id, "--cuuid", container_id),
        *("--runtime", RUNC, "--runtime-arg", f"--root={directories.runc}"),
        *("--bundle", str(home), "--persist-dir", str(home), "--full-attach"),
        *("--container-pidfile", str(home / "pid")),
        *("--conmon-pidfile", str(home / "conmon.pid")),
        *("--no-sync-log", "--log-level", "error"),
    )


def create(
    runner: Runner, directories: Directories, spec: ContainerSpec, log_max_bytes: int
) -> int:
    """Create a container under conmon; the pid of its first process, which waits to begin.

    Raises PaasError with runc's reason.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        argv = conmon(directories, spec, spec.log_max_bytes or log_max_bytes)
        # conmon leaves a file `oom` where it is when the kernel killed for memory, and takes
        # a terminal over by a socket where it makes its temporary files
        home = directories.container(spec.id)
        environment = {**GO_ENVIRONMENT, "_OCI_SYNCPIPE": str(writer), "TMPDIR": str(home)}
        child = runner.spawn(argv, env=environment, cwd=home, pass_fds=(writer,))
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        try:
            answer = read_line(pipe.fileno(), CREATE_TIMEOUT_S)
        finally:
            if child.poll() is None:
                child.wait(CREATE_TIMEOUT_S)  # the parent of the conmon that stays
    return created_pid(answer)


def read_line(descriptor: int, timeout_s: float) -> bytes:
    """What comes through a pipe up to a newline or its end."""
    deadline = time.monotonic() + timeout_s
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    data = b""
    while not data.endswith(b"\n") and len(data) < MESSAGE_BYTES:
        if not poller.poll(max(0, deadline - time.monotonic()) * 1000):
            raise PaasError(f"the container could not be created within {timeout_s:.0f} s")
        part = os.read(descriptor, 65536)
        if not part:
            break
        data += part
    return data


def created_pid(answer: bytes, failed: str = "the container could not be created") -> int:
    """The pid in conmon's answer, or PaasError with the reason in it."""
    try:
        values = json.loads(answer)
        pid = int(values.get("pid", values.get("data", -1)))
    except ValueError as error:
        if not Path(RUNC).exists():
            raise missing(RUNC) from error
        raise PaasError(f"{failed}: conmon gave no answer") from error
    if pid <= 0:
        raise PaasError(f"{failed}: {reason(values.get('message', ''))}")
    return pid


def release(directories: Directories, container_id: str, pid: int) -> None:
    """Let a created container's first process begin: what `runc start` does, without a fork.

    The process blocks until somebody reads its exec.fifo; runc takes the container
    as started once that file is gone. Source: libcontainer, handleFifo.
    """
    fifo = directories.runc / container_id / "exec.fifo"
    # the process first: once the fifo is open it may run, and end, before we look for it
    with process_descriptor(pid) as process:
        descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            poller.register(process, select.POLLIN)
            poller.poll(START_TIMEOUT_S * 1000)
            begun = read_now(descriptor)
        finally:
            os.close(descriptor)
    if not begun:
        raise PaasError("the container could not be started: its first process ended at once")
    fifo.unlink()


def read_now(descriptor: int) -> bytes:
    """A byte that has come through a pipe, also from a writer that is gone; b"" when none has."""
    try:
        return os.read(descriptor, 1)
    except BlockingIOError:
        return b""


def end_monitor(home: Path, verdict: Path) -> None:
    """See out the conmon whose directory this is, so that it writes nothing after it is deleted.

    It gets a moment to log the last output and leave the exit code, its verdict; then it is
    killed. Idempotent.
    """
    process = open_monitor(home)
    if process is None:
        return
    try:
        poller = select.poll()
        poller.register(process, select.POLLIN)
        deadline = time.monotonic() + VERDICT_TIMEOUT_S
        while not verdict.exists() and time.monotonic() < deadline and not poller.poll(2):
            continue
        signal.pidfd_send_signal(process, signal.SIGKILL)
        poller.poll(START_TIMEOUT_S * 1000)
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def is_monitored(home: Path) -> bool:
    """Whether the conmon whose directory this is is there."""
    process = open_monitor(home)
    if process is not None:
        os.close(process)
    return process is not None


def open_monitor(home: Path) -> int | None:
    """A pidfd of the conmon whose directory this is, for the caller to close; None when it is gone.

    A pid that has become somebody else's is not it.
    """
    try:
        pid = int((home / "conmon.pid").read_text())
        process = os.pidfd_open(pid)
    except (OSError, ValueError):
        return None
    try:
        if os.fsencode(home) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            return process
    except (FileNotFoundError, ProcessLookupError):
        pass
    os.close(process)
    return None


class process_descriptor:  # noqa: N801 - used as a function
    """A pidfd for the length of a block. Source: pidfd_open(2)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> int:
        try:
            self._descriptor = os.pidfd_open(self._pid)
        except ProcessLookupError as error:
            raise PaasError("the container's first process ended at once") from error
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


REASONS = (
    (r'exec: "(?P<what>[^"]*)": (?:stat .*: )?no such file', "there is no program {what} in it"),
    (r'exec: "(?P<what>[^"]*)": .*not found in \$PATH', "there is no program {what} in it"),
    (r'exec: "(?P<what>[^"]*)": permission denied', "{what} may not be executed"),
    (
        r"unable to set memory limit|container init was OOM-killed|cannot allocate memory",
        "its memory limit is too low",
    ),
)


def reason(message: str) -> str:
    """The last message of runc, in words a user knows where we have better ones."""
    text = message
    for line in filter(None, message.splitlines()):
        text = said(line)
    for pattern, words in REASONS:
        if found := re.search(pattern, text):
            return words.format(**found.groupdict())
    return text.strip()[:500] or "runc gave no reason"


def said(line: str) -> str:
    """The message in a line of runc's log, which is JSON or `key="value"` pairs."""
    try:
        return str(json.loads(line)["msg"])
    except (ValueError, KeyError, TypeError):
        found = re.search(r'msg=("(?:[^"\\]|\\.)*")', line)
    try:
        return str(json.loads(found[1])) if found else line
    except ValueError:
        return line


def logged_reason(log: Path) -> str:
    """Why runc failed, from its log."""
    try:
        return reason(log.read_text(errors="replace"))
    except FileNotFoundError:
        return "runc gave no reason"
