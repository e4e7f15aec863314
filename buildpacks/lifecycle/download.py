"""Download: one file over http, whole; asked for again where only the moment was bad."""

import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request

TIMEOUT_S = 30.0
PAUSES_S = (1.0, 3.0)  # before the second and the third time
BUSY = (408, 429)  # beside what begins with a 5, answers that may be others soon


def download(address: str, path: str) -> None:
    """Put what is at the address to a file. OSError, HTTPError for an answer, when it can't be."""
    for pause_s in PAUSES_S:
        try:
            attempt(address, path)
        except OSError as error:
            if not passes(error):
                raise
        else:
            return
        time.sleep(pause_s)
    attempt(address, path)


def attempt(address: str, path: str) -> None:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file)
            expected = answer.headers.get("Content-Length")
    except http.client.HTTPException as error:
        raise ConnectionResetError(f"it broke off: {error}") from error
    if expected is not None and os.path.getsize(path) < int(expected):
        raise ConnectionResetError(f"it broke off after {os.path.getsize(path):,} bytes")


def passes(error: OSError) -> bool:
    """Whether it may be otherwise in a moment: a broken connection, a server with troubles."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in BUSY
    cause = getattr(error, "reason", error)
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    return isinstance(cause, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError))
