"""The stack: what apps and builds find in it."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from paas.command import Completed, Runner
from paas.errors import PaasError
from paas.image import debian, rootfs
from paas.image.layers import Layers
from paas.image.stack import Stack
from paas.model.release import Layer
from paas.settings import Settings

In = Callable[..., Completed]


@pytest.fixture
def mounted(stack: Stack, settings: Settings) -> Iterator[Callable[..., Path]]:
    layers = Layers(settings.state_dir / "layers", shared=(stack.root,))
    target = settings.run_dir / "rootfs"
    target.mkdir()

    def mount(variant: tuple[Layer, ...]) -> Path:
        upper = layers.new_upper(0)
        paths = [(layers.path(layer), layer.uid_base) for layer in variant]
        rootfs.mount_rootfs(paths, 0, upper, upper.with_name("work"), target)
        cleanup.callback(rootfs.unmount, target)
        cleanup.enter_context(debian.inhabited(target))
        return target

    with ExitStack() as cleanup:
        yield mount


def test_apps_find_python_nginx_and_their_home(
    stack: Stack, mounted: Callable[..., Path], run_in: In
) -> None:
    root = mounted(stack.run_layers)
    assert re.match(r"Python 3\.13", run_in(root, "python3", "--version").text)
    assert b"nginx/" in run_in(root, "nginx", "-v").stderr
    assert run_in(root, "curl", "--version").text.startswith("curl")
    assert run_in(root, "id", "app").text.startswith("uid=1000(app) gid=1000(app)")
    assert (root / "app").stat().st_uid == 1000
    for name in ("cache", "buildpacks", "config", "result", ".paas"):
        assert (root / name).is_dir()


def test_apps_find_no_compiler_no_setuid_program_and_no_trace_of_the_making(
    stack: Stack, mounted: Callable[..., Path]
) -> None:
    root = mounted(stack.run_layers)
    assert not (root / "usr/bin/gcc").exists()
    privileged = [
        p for p in (root / "usr").rglob("*") if p.lstat().st_mode & 0o4000 and p.is_file()
    ]
    assert privileged == []
    files = stack.layers.path(stack.run_layers[0])
    for name in ("var/lib/apt/lists", "var/log", "run", "dev", "proc", "tmp", "usr/share/doc"):
        assert not (files / name).exists() or list((files / name).iterdir()) == []
    assert sorted(p.name for p in files.parent.iterdir()) == ["files", "layer.json"]
    assert "Proxy" not in "".join(p.read_text() for p in (root / "etc/apt/apt.conf.d").iterdir())


def test_python_starts_from_compiled_modules(stack: Stack, mounted: Callable[..., Path]) -> None:
    root = mounted(stack.run_layers)
    library = root / "usr/lib/python3.13"
    compiled = {path.name.split(".")[0] for path in (library / "__pycache__").iterdir()}
    assert {path.stem for path in library.glob("*.py")} <= compiled


def test_builds_find_compilers_git_uv_and_node(
    stack: Stack, mounted: Callable[..., Path], run_in: In
) -> None:
    root = mounted(stack.build_layers)
    for argv in (
        ("gcc", "--version"),
        ("git", "--version"),
        ("uv", "--version"),
        ("node", "--version"),
        ("npm", "--version"),
        ("pkg-config", "--exists", "libpq"),
        ("python3", "-c", "import yaml"),
    ):
        assert run_in(root, *argv).status == 0


def test_builds_stand_on_the_layer_apps_run_in(stack: Stack) -> None:
    assert stack.build_layers[: len(stack.run_layers)] == stack.run_layers


def test_the_run_variant_is_slim(stack: Stack) -> None:
    assert sum(layer.bytes for layer in stack.run_layers) < 200 << 20


def test_a_stack_that_is_there_is_not_made_again(stack: Stack) -> None:
    said: list[str] = []
    stack.ensure(said.append)
    assert said == []


def test_a_stack_that_is_not_made_says_how(settings: Settings) -> None:
    from dataclasses import replace

    missing = Stack(replace(settings, stack_dir=str(settings.state_dir / "none")), Runner())
    assert not missing.ready()
    with pytest.raises(PaasError) as error:
        _ = missing.run_layers
    assert "quickstart" in error.value.hint


def test_making_a_stack_leaves_no_mount_behind(stack: Stack) -> None:
    assert str(stack.root) not in Path("/proc/self/mounts").read_text()


def test_the_digest_is_that_of_the_suite_and_packages(
    stack: Stack, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    other = Stack(replace(settings, stack_suite="forky"), Runner())
    assert re.fullmatch(r"[0-9a-f]{12}", stack.digest)
    assert other.digest != stack.digest
