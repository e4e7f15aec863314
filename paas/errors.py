"""The one error tree. Raise where the cause is known, catch once at the door."""

import errno


class PaasError(Exception):
    """A failure the user can understand and act on.

    message says what failed and why, in the user's words; hint says what to do
    next; exit_code is what the client exits with (1 unless a script needs to
    tell this failure from others).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DISK_FAILED = frozenset({errno.EIO, errno.EROFS})


def of_disk(error: OSError) -> PaasError | None:
    """What a full or failing disk means to the user; None for any other error."""
    place = f" ({error.filename})" if error.filename else ""
    if error.errno in DISK_FULL:
        return PaasError(f"the disk is full{place}", "free some space, then do it again")
    if error.errno in DISK_FAILED:
        reason = f"the disk failed: {error.strerror}{place}"
        return PaasError(reason, "look at the machine's disk (dmesg), then do it again")
    return None


class UsageError(PaasError):
    """Wrong words on the command line."""

    exit_code = 2


class AppNotFound(PaasError):
    """No app of that name; dokku's exit code for it is kept."""

    exit_code = 20

    def __init__(self, name: str, hint: str = "see which exist with apps:list") -> None:
        super().__init__(f"App {name} does not exist", hint)


class PermissionDenied(PaasError):
    """The caller's roles do not allow this."""

    exit_code = 77


class Cancelled(PaasError):
    """The caller went away or pressed Ctrl-C before the point of no return."""

    exit_code = 130


class CommandFailed(PaasError):
    """A child process exited with a status we did not expect."""

    def __init__(self, argv: tuple[str, ...], status: int, stderr: str) -> None:
        last = stderr.strip().splitlines()[-1] if stderr.strip() else "it said nothing"
        super().__init__(f"{argv[0]} failed with status {status}: {last}")
        self.argv = argv
        self.status = status
        self.stderr = stderr
