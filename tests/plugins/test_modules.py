"""Python hooks in the daemon: values instead of words, and every fault kept to itself."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paas.errors import PaasError
from paas.model.app import App
from paas.model.occasion import Deployed, DeployStarting, UrlsAsked
from paas.platform import Platform
from paas.plugins.environment import Call
from paas.plugins.modules import Modules
from tests.commands.conftest import Admin
from tests.plugins.conftest import TOML

Install = Callable[..., str]
MODULE = """
from pathlib import Path
from paas.errors import PaasError
from paas.model.occasion import AppCreated, Deployed, DeployStarting, UrlsAsked
from paas.plugins.hooks import hookimpl

HERE = Path({here!r})

@hookimpl
def happened(occasion, actor):
    match occasion:
        case Deployed(app=app, image_tag=tag):
            (HERE / "deployed").write_text(f"{{app}} {{tag}} by {{actor}}")
        case AppCreated(app="boom"):
            raise SystemExit("bye")

@hookimpl
def allowed(occasion):
    match occasion:
        case DeployStarting(app="frozen"):
            raise PaasError("no deploys of frozen")

@hookimpl
def answered(occasion, text):
    if isinstance(occasion, UrlsAsked):
        return text.replace("http:", "https:")
"""


@pytest.fixture
def python(install: Install, tmp_path: Path) -> Callable[[str, str], str]:
    def by_text(name: str, text: str) -> str:
        toml = TOML + '[paas]\npython = "hooks.py"\n'
        return install(name, **{"plugin.toml": toml, "hooks.py": text})

    return by_text


def test_a_module_is_told_asked_and_answers_with_values(
    platform: Platform, python: Callable[[str, str], str], tmp_path: Path
):
    python("typed", MODULE.format(here=str(tmp_path)))
    platform.plugins.happened(Deployed("blog", "5000", "10.0.0.2", "v3"), "alice")
    assert (tmp_path / "deployed").read_text() == "blog v3 by alice"
    platform.plugins.allow(DeployStarting("blog", "v1"), "alice")
    with pytest.raises(PaasError, match="plugin typed: trigger pre-deploy no deploys of frozen"):
        platform.plugins.allow(DeployStarting("frozen", "v1"), "alice")
    shown = platform.plugins.answer(UrlsAsked("blog", "urls"), "http://blog", Call())
    assert shown == "https://blog"


def test_a_fault_in_a_module_is_named_and_ends_there(
    platform: Platform, root: Admin, python: Callable[[str, str], str], tmp_path: Path
):
    python("typed", MODULE.format(here=str(tmp_path / "nowhere")))
    assert root("apps:create", "boom").status == 0
    event = platform.store.events.list()[-1]
    assert (event.actor, event.result) == ("plugin:typed", "failed")
    assert re.fullmatch(r"post-create SystemExit: bye after \d+\.\d s", event.detail)
    platform.plugins.happened(Deployed("blog", "5000", "10.0.0.2", "v3"), "alice")
    assert "FileNotFoundError" in platform.store.events.list()[-1].detail


def test_a_module_that_hangs_is_left_behind(
    platform: Platform, python: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
):
    text = "from paas.plugins.hooks import hookimpl\nimport threading\n"
    python("slow", f"{text}@hookimpl\ndef allowed(occasion):\n    threading.Event().wait(60)\n")
    object.__setattr__(platform.settings, "plugin_timeout_s", 0.2)
    with pytest.raises(
        PaasError, match=r"plugin slow: trigger pre-deploy did not end within 0\.2 s"
    ):
        platform.plugins.allow(DeployStarting("blog", "v1"), "alice")


@pytest.mark.parametrize(
    "text", ["syntax error here", "raise ValueError('no')", "import sys; sys.exit(3)"]
)
def test_a_module_that_cannot_be_loaded_stops_nothing(
    platform: Platform, root: Admin, python: Callable[[str, str], str], text: str
):
    python("broken", text)
    platform.plugins.allow(DeployStarting("blog", "v1"), "alice")
    assert "broken" in root.ok("plugin:list")


def test_a_module_goes_with_its_plugin_and_a_new_revision_takes_its_place(
    platform: Platform, root: Admin, python: Callable[[str, str], str], tmp_path: Path, blog: App
):
    says = ("from paas.errors import PaasError\nfrom paas.plugins.hooks import hookimpl\n"
            "@hookimpl\ndef allowed(occasion):\n    raise PaasError({!r})\n")  # fmt: skip
    python("one", says.format("first"))
    with pytest.raises(PaasError, match="first"):
        platform.plugins.allow(DeployStarting("blog", "v1"), "alice")
    (tmp_path / "one" / "hooks.py").write_text(says.format("second"))
    root.ok("plugin:update", "one")
    with pytest.raises(PaasError, match="second"):
        platform.plugins.allow(DeployStarting("blog", "v1"), "alice")
    root.ok("plugin:disable", "one")
    platform.plugins.allow(DeployStarting("blog", "v1"), "alice")


def test_an_installed_distribution_brings_hooks_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "paas_hello.py").write_text(
        "from paas.plugins.hooks import hookimpl\n@hookimpl\ndef happened(occasion): pass\n"
    )
    info = tmp_path / "paas_hello-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: paas-hello\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[paas.plugins]\nhello = paas_hello\nbroken = paas_hello_that_is_not_there\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Modules()
    found.load_distributions()
    assert [one.name for one in found.listening("happened")] == ["hello"]
    sys.modules.pop("paas_hello", None)
