"""Running a language's own tools in the sandbox, as a developer does at a desk."""

import shutil
from pathlib import Path

from tests.buildpacks.sandbox import Sandbox

CACHES = {"UV_CACHE_DIR": "/cache/uv", "UV_LINK_MODE": "copy", "npm_config_cache": "/cache/npm"}


def tool(sandbox: Sandbox, files: dict[str, str], *commands: str) -> Path:
    """Run commands in a sandbox over some files, and return what then is in /app."""
    script = "cd /app && cp -r /cache/in/. . && " + " && ".join(commands)
    cache = sandbox.folder("tools")
    shutil.rmtree(cache / "in", ignore_errors=True)
    (cache / "in").mkdir()
    for name, text in files.items():
        path = cache / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = sandbox.run(
        ["bash", "-c", script],
        [],
        config=sandbox.fresh("config"),
        cache=cache,
        environment=CACHES,
    )
    assert done.status == 0, done.output
    return done.upper / "app"
