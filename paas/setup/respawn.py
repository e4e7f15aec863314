"""Keeps one program running where no systemd does: starts it again whenever it ends.

Run as a program: `respawn.py PID_FILE LOG_FILE PROGRAM [ARGUMENT...]`. It leaves the
terminal, writes its process id and goes on until SIGTERM, which it passes on. Touches:
the two files and its one child; standard library only. A program that ends within ten
seconds is started again after 1, 2, 4, ... up to 30 s.
"""

import os
import signal
import sys
import time
from pathlib import Path

SOON_S = 10.0
LONGEST_PAUSE_S = 30.0


class Ended(BaseException):
    """SIGTERM came: an exit from wherever the loop is."""


def detach() -> None:
    """Become a process of no terminal and no parent, as daemon(7) describes."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")


def speak_to(log: Path) -> None:
    """Standard output and error go to the log file, standard input to nowhere."""
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open("/dev/null", os.O_RDONLY)
    for number, source in enumerate((nothing, written, written)):
        os.dup2(source, number)


def run_once(argv: list[str]) -> int:
    """The program's exit status; SIGTERM is passed on and waited for."""
    # not between its start and the line from which on it would be passed on
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.posix_spawn(argv[0], argv, os.environ, setsigmask=())
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except Ended:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise


def keep_running(argv: list[str]) -> None:
    """Start it again and again, with pauses that grow while it keeps ending soon."""
    pause = 1.0
    while True:
        began = time.monotonic()
        status = run_once(argv)
        pause = 1.0 if time.monotonic() - began > SOON_S else min(pause * 2, LONGEST_PAUSE_S)
        note = f"respawn: {argv[0]} ended with {status}; again in {pause:.0f} s\n"
        os.write(2, note.encode())
        time.sleep(pause)


def end(*_: object) -> None:
    """The handler of SIGTERM."""
    raise Ended


def main() -> None:
    """Detach, write the process id, keep the program running until SIGTERM."""
    pid_file, log, argv = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    detach()
    signal.signal(signal.SIGTERM, end)
    speak_to(log)
    try:
        pid_file.write_text(f"{os.getpid()}\n")
        keep_running(argv)
    except Ended:
        pid_file.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
