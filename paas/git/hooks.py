"""Git's hooks as the git user runs them: copies beside the thin client, owned by root.

Touches: <state>/hooks. Copies, because the git user may not be able to reach the
program's own directory, and must never be able to write to what root installed.
"""

import os
import secrets
from pathlib import Path

from paas.git.invocation import hooks_dir
from paas.settings import Settings

PROGRAM = Path(__file__).resolve().parents[2]
HOOKS = ("pre-receive",)


def install(settings: Settings) -> Path:
    """Put the hooks and the client they start into place; returns their directory."""
    target = hooks_dir(settings)
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o755)
    place(PROGRAM / "bin" / "paas", target / "paas")
    for hook in HOOKS:
        place(PROGRAM / "hooks" / hook, target / hook)
    return target


def place(source: Path, target: Path) -> None:
    """Copy an executable atomically, so that a running push sees the old or the new one."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    temporary.write_bytes(source.read_bytes())
    temporary.chmod(0o755)
    os.replace(temporary, target)  # noqa: PTH105 - the atomic one, by its own name
