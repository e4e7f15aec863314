"""Which Python an app gets: the stack's, or another that is fetched from where config says."""

import sys

import pytest

from tests.buildpacks import pythons
from tests.buildpacks.sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from python import version

SERVER = """
import http.server, os, platform, ssl, sqlite3, ctypes

import click


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{platform.python_version()} click {click.__name__}".encode())


http.server.HTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_another_python_comes_from_the_list_that_config_names(sandbox, tmp_path):
    files = {"requirements.txt": "click==8.1.8\n", "main.py": SERVER, ".python-version": "3.11\n"}
    with pythons.served(tmp_path) as (url, number):
        config = {"UV_PYTHON_DOWNLOADS_JSON_URL": url}
        built = sandbox.build(files, config=config, app="older")
    assert built.status == 0, built.output
    assert [layer["name"] for layer in built.plan] == ["runtime", "dependencies"]
    assert built.plan[0]["shared"] is False  # what one app's config names serves no other app
    assert built.build["processes"] == {"web": "python main.py"}
    with sandbox.serving(built) as site:
        assert site.get().body.decode() == f"{number} click click"
    # the mirror is gone, and nothing needs it again
    again = sandbox.build({**files, "main.py": SERVER + "\n# more\n"}, config=config, app="older")
    assert again.status == 0, again.output
    assert again.layers[1:] == built.layers[1:]


def test_a_python_from_uvs_own_list_is_shared_by_apps(sandbox):
    files = {"requirements.txt": "click\n", ".python-version": "3.12\n", "app.py": ""}
    failed = sandbox.build(files, config={"UV_HTTP_RETRIES": "0"})
    assert failed.plan[0]["shared"] is True


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (">=3.9", ""),
        (">=3.9,<3.12", "3.11"),
        ("^3.11", ""),
        ("~3.12", "3.12"),
        ("~=3.12", ""),
        ("~=3.12.1", "3.12"),
        ("==3.12.*", "3.12"),
        ("==3.11.4", "3.11.4"),
        (">3.13.0", ""),
        ("<3.13", "3.12"),
        (">=3.10,!=3.13.*,<3.14", "3.12"),
        ("^3.9 || ^4.0", ""),
    ],
)
def test_a_range_is_met_by_the_stack_or_by_the_newest_that_fits(tmp_path, asked, expected):
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\nrequires-python = "{asked}"')
    assert f"{sys.version_info.major}.{sys.version_info.minor}" == version.STACK
    assert answer(tmp_path, asked) == expected


def answer(root, asked):
    """What the stack's Python, 3.13, would say; the suite itself may run on another."""
    before = version.STACK
    version.STACK = "3.13"
    try:
        return version.of_project(str(root))
    finally:
        version.STACK = before


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({".tool-versions": "nodejs 22.1.0\npython 3.12.4\n"}, ("3.12.4", ".tool-versions")),
        (
            {"Pipfile.lock": '{"_meta": {"requires": {"python_version": "3.10"}}}'},
            ("3.10", "Pipfile.lock"),
        ),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.10"\n'},
            ("3.10", "pyproject.toml"),
        ),
        ({".python-version": "3.12", "runtime.txt": "python-3.11"}, ("3.12", ".python-version")),
    ],
)
def test_the_ecosystems_own_files_name_the_version(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    wanted = version.wanted(str(tmp_path))
    assert (wanted.full, wanted.file) == expected


@pytest.mark.parametrize("text", ["3.13\n", "# pinned\n3.13\n", "3\n", "python-3.13.1"])
def test_the_stacks_own_version_needs_no_runtime_layer(sandbox, text):
    files = {"requirements.txt": "click\n", ".python-version": text, "Procfile": "web: true\n"}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert [layer["name"] for layer in built.plan] == ["dependencies"]


def test_a_version_that_cannot_be_had_names_the_one_that_can(sandbox):
    files = {"requirements.txt": "click\n", ".python-version": "3.12\n", "app.py": ""}
    config = {"UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9/", "UV_HTTP_RETRIES": "0"}
    failed = sandbox.build(files, config=config)
    assert [layer["name"] for layer in failed.plan] == ["runtime", "dependencies"]
    assert failed.error["message"].startswith("Python 3.12 could not be installed: ")
    assert "this stack has Python 3.13" in failed.error["hint"]


@pytest.mark.parametrize("text", ["latest", "3.x", "pypy3.10", "three"])
def test_a_version_file_that_is_none_is_refused(sandbox, text):
    failed = sandbox.build({"requirements.txt": "click\n", "runtime.txt": text})
    assert failed.error["message"] == f"runtime.txt says {text!r}, which is not a Python version"
