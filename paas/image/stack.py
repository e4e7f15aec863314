"""The stack: Debian for apps to run in, and what builds need on top of it, as two layers.

Touches: its own directory, Debian's archive and PyPI. A stack is named after its
digest, so a changed package list makes a new one beside the old.
"""

import fcntl
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from paas.command import Runner
from paas.errors import PaasError
from paas.image import debian, tools
from paas.image.layers import Layers
from paas.model.release import Layer
from paas.settings import Settings

REVISION = 3  # raise it when the way a stack is made changes what is in it

# buildah wants to see one before it looks whether it needs any: it does not, in our networks
NETWORK_PROGRAM = "usr/libexec/podman/netavark"
ID = re.compile(r"stack-[a-z]+-(run|build)-[0-9a-f]{12}")

Progress = Callable[[str], None]


def stack_root(settings: Settings) -> Path:
    """Where an instance's stack is: its own place, or one shared with others."""
    return Path(settings.stack_dir) if settings.stack_dir else settings.state_dir / "stack"


class Stack:
    """The stack of one instance, run and build variants sharing the run layer."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self.suite = settings.stack_suite
        self.root = stack_root(settings)
        self.layers = Layers(self.root)
        self.runner = runner

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with what a stack is made of."""
        parts = (str(REVISION), self.suite, *debian.RUN, "", *debian.BUILD, tools.requirements())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def run_layers(self) -> tuple[Layer, ...]:
        """What apps run in. PaasError when the stack is not made yet."""
        return (self._layer("run"),)

    @property
    def build_layers(self) -> tuple[Layer, ...]:
        """What builds run in: the run layer and compilers, git, uv and node on it."""
        return (*self.run_layers, self._layer("build"))

    def ready(self) -> bool:
        """Whether both layers are there."""
        return all(self.layers.find(self._id(variant)) for variant in ("run", "build"))

    def ensure(self, progress: Progress) -> None:
        """Make what is missing, telling progress in words. Idempotent; whole or not at all.

        Takes the network and about a minute. Raises PaasError with what failed.
        """
        if self.ready():
            return
        with self._alone():
            if not self.ready():
                self.layers.sweep()
                self._make(progress)

    def _make(self, progress: Progress) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="tools") as beside:
            upper = self.layers.new_upper(0)
            fetched = beside.submit(tools.fetch, upper, self.runner, progress)
            run = self.layers.find(self._id("run")) or self._make_run(progress)
            fetched.result()
            debian.install_build(
                self.suite, self.layers.path(run), upper, self._lists, self.runner, progress
            )
            progress("Storing the build layer")
            self.layers.adopt(upper, self._id("build"), 0)
        self.layers.sweep()

    def tools_layers(self, progress: Progress) -> tuple[Layer, ...]:
        """What images are made and moved with, on the run layer; made when first asked for."""
        return self._with("tools", debian.TOOLS, "images", progress)

    def fetch_layers(self, progress: Progress) -> tuple[Layer, ...]:
        """What speaks to git servers over ssh, on the run layer; made when first asked for."""
        return self._with("fetch", debian.FETCH, "git servers", progress)

    def _with(
        self, variant: str, packages: Sequence[str], purpose: str, progress: Progress
    ) -> tuple[Layer, ...]:
        run, name = self._layer("run"), self._id_of(variant, packages)
        made = self.layers.find(name)
        if made is None:
            with self._alone():
                made = self.layers.find(name)
                if made is None:
                    progress(f"Fetching the tools for {purpose}; this is done once")
                    made = self._make_tools(run, name, packages, progress)
        return run, made

    def _make_tools(
        self, run: Layer, name: str, packages: Sequence[str], progress: Progress
    ) -> Layer:
        upper = self.layers.new_upper(0)
        try:
            root = self.layers.path(run)
            debian.install_tools(self.suite, packages, root, upper, self.runner, progress)
            if packages is debian.TOOLS:
                stand_in = upper / NETWORK_PROGRAM
                stand_in.parent.mkdir(parents=True, exist_ok=True)
                stand_in.symlink_to("/bin/false")
            return self.layers.adopt(upper, name, 0)
        except BaseException:
            self.layers.discard(upper)
            raise

    def _id_of(self, variant: str, packages: Sequence[str]) -> str:
        digest = hashlib.sha256("\n".join((self.digest, *packages)).encode()).hexdigest()
        return f"stack-{self.suite}-{variant}-{digest[:12]}"

    def _make_run(self, progress: Progress) -> Layer:
        upper = self.layers.new_upper(0)
        debian.install_run(self.suite, upper, self._lists, self.runner, progress)
        progress("Storing the run layer")
        return self.layers.adopt(upper, self._id("run"), 0)

    @property
    def _lists(self) -> Path:
        """Apt's package lists, fetched for the run layer and used for the build layer."""
        return self.root / "building" / "lists"

    def _id(self, variant: str) -> str:
        return f"stack-{self.suite}-{variant}-{self.digest}"

    def is_former(self, layer_id: str) -> bool:
        """Whether it is a layer of a stack made before this one, which an upgrade left behind."""
        mine = self._id("run")
        made_at = self.layers.used_at
        extra = (("tools", debian.TOOLS), ("fetch", debian.FETCH))
        ours = layer_id in (mine, self._id("build"), *(self._id_of(*one) for one in extra))
        is_one = ID.fullmatch(layer_id) is not None
        return is_one and not ours and 0 < made_at(layer_id) < made_at(mine)

    def _layer(self, variant: str) -> Layer:
        layer = self.layers.find(self._id(variant))
        if layer is None:
            raise PaasError(
                f"the stack image {self._id(variant)} is not in {self.root}",
                "make it with bin/quickstart",
            )
        return layer

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process makes a stack in a directory; others wait and find it made."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
