"""Going into a volume: a command, or a shell, in a container that has it.

The container is of the stack, or of an image, with its variables and past its entrypoint.
"""

from collections.abc import Sequence
from dataclasses import replace

from paas.console import Console
from paas.deploy import relay, volume_bench, volumes
from paas.deploy.entering import SHELL
from paas.engines.base import Session, Streams
from paas.model.release import Image
from paas.model.volume import Volume
from paas.platform import Platform

HERE = "/data"


def execute(
    platform: Platform,
    volume: Volume,
    argv: Sequence[str],
    uid: int,
    console: Console,
    image: Image | None = None,
) -> int:
    """Run a command, or a shell, with the volume at /data; its exit code."""
    volumes.ready(platform, volume)
    mounted = (volumes.whole(platform, volume, HERE),)
    spec = volume_bench.container(platform, tuple(argv) or SHELL, uid, mounted, HERE, image)

    def start(streams: Streams) -> Session:
        terminal = {"TERM": "xterm-256color"} if streams.terminal else {}
        mine = replace(spec, environment={**spec.environment, **terminal})
        return platform.engine.spawn(mine, streams)

    through = relay.through_terminal if console.is_terminal else relay.through_pipes
    return through(start, console).code
