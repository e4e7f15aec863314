"""nftables through libnftables: a transaction of commands costs well under a millisecond.

Touches: the kernel's nftables, through libnftables.so.1 (ctypes). Source: libnftables(3).
"""

import ctypes
import threading
from functools import cache

from paas.errors import PaasError

LIBRARY = "libnftables.so.1"
_lock = threading.Lock()


@cache
def library() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The loaded library and the one context we use, under _lock."""
    try:
        nft = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise PaasError(f"{LIBRARY} is not installed", "install the package nftables") from error
    nft.nft_ctx_new.restype = ctypes.c_void_p
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(nft, name).restype = ctypes.c_char_p
    context = ctypes.c_void_p(nft.nft_ctx_new(0))
    nft.nft_ctx_buffer_output(context)
    nft.nft_ctx_buffer_error(context)
    return nft, context


def apply(commands: str) -> str:
    """Run commands as one transaction, all or nothing; returns what they print.

    Raises PaasError with nft's own words.
    """
    with _lock:
        nft, context = library()
        status = nft.nft_run_cmd_from_buffer(context, commands.encode())
        output = nft.nft_ctx_get_output_buffer(context).decode(errors="replace")
        error = nft.nft_ctx_get_error_buffer(context).decode(errors="replace")
    if status != 0:
        raise PaasError(f"nftables refused our rules: {error.strip().splitlines()[0]}")
    return str(output)


def exists(family: str, table: str) -> bool:
    """Whether a table is there."""
    return f"table {family} {table}" in apply("list tables").splitlines()
