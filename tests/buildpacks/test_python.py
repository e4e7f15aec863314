import signal
import subprocess

import pytest

from tests.buildpacks.sandbox import APPS, REPOSITORY, send

FLASK = (APPS / "flask" / "app.py").read_text()


def test_flask_with_gunicorn_is_served_without_a_procfile(sandbox):
    built = sandbox.build(APPS / "flask")
    assert built.status == 0, built.output
    assert "-----> Python app detected" in built.output
    assert "by requirements.txt" in built.output
    assert built.build["processes"] == {"web": "gunicorn app:app --bind 0.0.0.0:$PORT"}
    with sandbox.serving(built) as site:
        assert site.get().body == b"Hello from Flask\n"


def test_a_second_push_installs_nothing_and_starts_no_process(sandbox):
    first = sandbox.build(APPS / "flask")
    files = {
        "app.py": FLASK.replace("Hello", "Bye"),
        "requirements.txt": (APPS / "flask/requirements.txt").read_text(),
    }
    second = sandbox.build(files)
    assert second.status == 0
    assert second.layers[1:] == first.layers[1:]
    assert "Installing" not in second.output
    with sandbox.serving(second) as site:
        assert site.get().body == b"Bye from Flask\n"


def test_modules_of_the_app_and_of_its_dependencies_are_compiled_ahead(sandbox):
    built = sandbox.build(APPS / "flask")
    assert list(built.app.glob("__pycache__/app.cpython-*.pyc"))
    assert list(
        built.layers[1].glob("app/.venv/lib/python3*/site-packages/flask/__pycache__/*.pyc")
    )


def test_an_app_stops_at_once_when_told(sandbox):
    built = sandbox.build(APPS / "flask")
    with sandbox.serving(built) as site:
        send(site.process, signal.SIGTERM)
        output = site.process.communicate(timeout=10)[0].decode()
    assert "Handling signal: term" in output


def test_django_gets_its_static_files_and_its_wsgi_process(sandbox):
    built = sandbox.build(APPS / "django")
    assert built.status == 0, built.output
    assert "Collecting static files" in built.output
    assert built.build["processes"]["web"].startswith("gunicorn blog.wsgi:application")
    with sandbox.serving(built) as site:
        page = site.get().body.decode()
        assert "Hello from Django" in page
        style = page.split('href="')[1].split('"')[0]
        assert site.get(style).status == 200


def test_a_failing_collectstatic_fails_the_build_and_names_the_switch(sandbox):
    files = {name: (APPS / "django" / name).read_text() for name in DJANGO}
    files["blog/settings.py"] += "\nimport os\nos.environ['THE_TOKEN']\n"
    failed = sandbox.build(files)
    assert failed.status == 1
    assert failed.error["message"] == "collectstatic failed: KeyError: 'THE_TOKEN'"
    assert "DISABLE_COLLECTSTATIC=1" in failed.error["hint"]
    assert sandbox.build(files, config={"THE_TOKEN": "x"}).status == 0
    off = sandbox.build(files, config={"DISABLE_COLLECTSTATIC": "1"})
    assert off.status == 0
    assert "collectstatic is switched off" in off.output


DJANGO = [
    str(path.relative_to(APPS / "django"))
    for path in (APPS / "django").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
]


FASTAPI = """
from fastapi import FastAPI

api: FastAPI = FastAPI()


@api.get("/")
def hello():
    return "hello"
"""


def test_fastapi_is_served_by_uvicorn(sandbox):
    built = sandbox.build({"main.py": FASTAPI, "requirements.txt": "fastapi\nuvicorn\n"})
    assert built.build["processes"] == {"web": "uvicorn main:api --host 0.0.0.0 --port $PORT"}
    with sandbox.serving(built) as site:
        assert site.get().body == b'"hello"'


def test_without_a_server_the_build_says_what_to_add(sandbox):
    built = sandbox.build({"app.py": FLASK, "requirements.txt": "flask\n"})
    assert built.status == 0
    assert built.build["processes"] == {}
    assert "add gunicorn" in built.output


def test_an_app_without_dependencies_needs_no_layer(sandbox):
    built = sandbox.build({"manage.py": "print(1)\n", "Procfile": "web: python3 manage.py\n"})
    assert built.status == 0, built.output
    assert built.results["plan"]["layers"] == []
    assert built.build["procfile"] == "web: python3 manage.py\n"


# -- where dependencies come from --------------------------------------------------------


def test_included_requirements_are_part_of_the_key(sandbox):
    files = {
        "requirements.txt": "-r requirements/base.txt\n-c limits.txt\n",
        "requirements/base.txt": "-r more.txt # why\nclick\n",
        "requirements/more.txt": "itsdangerous\n",
        "limits.txt": "click<8.2\n",
        "Procfile": "web: true\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert sorted(built.plan[0]["files"]) == sorted(set(files) - {"Procfile"})
    assert "click==8.1" in built.output
    assert "itsdangerous" in built.output


BUILD_SYSTEM = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""


def test_requirements_from_the_repository_itself_take_the_whole_tree(sandbox):
    files = {
        "requirements.txt": "-e ./library\n",
        "library/pyproject.toml": '[project]\nname = "shelf"\nversion = "1"\n' + BUILD_SYSTEM,
        "library/shelf.py": "def book():\n    return 'a book'\n",
        "Procfile": "web: true\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.plan[0]["files"] == ["."]
    done = sandbox.run(
        ["/app/.venv/bin/python", "-c", "import shelf; print(shelf.book(), shelf.__file__)"],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
    )
    assert done.output == "a book /app/library/shelf.py\n"


PROJECT = """
[project]
name = "sample"
version = "1"
requires-python = ">=3.11"
dependencies = ["click>=8"]

[dependency-groups]
dev = ["iniconfig"]
"""


def tool(sandbox, files, *commands):
    """Run commands in a sandbox over some files, and return what then is in /app."""
    script = "cd /app && cp -r /cache/in/. . && " + " && ".join(commands)
    cache = sandbox.fresh("cache")
    (cache / "in").mkdir()
    for name, text in files.items():
        (cache / "in" / name).write_text(text)
    environment = {"UV_CACHE_DIR": "/cache/uv", "UV_LINK_MODE": "copy"}
    done = sandbox.run(
        ["bash", "-c", script],
        [],
        config=sandbox.fresh("config"),
        cache=cache,
        environment=environment,
    )
    assert done.status == 0, done.output
    return done.upper / "app"


def test_uv_lock_installs_just_what_it_says(sandbox):
    locked = tool(sandbox, {"pyproject.toml": PROJECT}, "uv lock -q")
    files = {"pyproject.toml": PROJECT, "uv.lock": (locked / "uv.lock").read_text()}
    built = sandbox.build({**files, "Procfile": "web: true\n"})
    assert built.status == 0, built.output
    assert "with uv (uv.lock)" in built.output
    assert "click==" in built.output
    assert "iniconfig" not in built.output
    stale = {**files, "pyproject.toml": PROJECT.replace('"click>=8"', '"click>=8", "itsdangerous"')}
    failed = sandbox.build({**stale, "Procfile": "web: true\n"})
    assert failed.status == 1
    assert failed.error["message"] == "uv.lock does not fit pyproject.toml"


def test_a_pyproject_alone_is_enough_and_a_lock_file_is_advised(sandbox):
    built = sandbox.build({"pyproject.toml": PROJECT, "Procfile": "web: true\n"})
    assert built.status == 0, built.output
    assert "there is no lock file" in built.output
    assert "click==" in built.output


def test_a_project_with_a_build_system_is_installed_itself(sandbox):
    project = PROJECT + (
        '\n[project.scripts]\ngreet = "sample:main"\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[tool.setuptools]\npackage-dir = {"" = "src"}\n'
    )
    files = {
        "pyproject.toml": project,
        "src/sample.py": "def main():\n    print('greetings')\n",
        "Procfile": "web: greet\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    done = sandbox.run(
        ["/.paas/launch", "greet"],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
        environment=built.build["environment"],
    )
    assert done.output == "greetings\n"


POETRY = """
[tool.poetry]
name = "sample"
version = "1"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
click = "^8"

[tool.poetry.group.dev.dependencies]
iniconfig = "^2"
"""
POETRY_LOCK = """
[[package]]
name = "click"
version = "8.1.7"
description = ""
optional = false
python-versions = ">=3.7"
groups = ["main"]
files = [{file = "click-8.1.7-py3-none-any.whl", hash = "sha256:%s"}]

[[package]]
name = "iniconfig"
version = "2.0.0"
description = ""
optional = false
python-versions = ">=3.7"
groups = ["dev"]
files = []

[metadata]
lock-version = "2.1"
python-versions = "^3.11"
content-hash = "%s"
"""
CLICK_HASH = "ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28"


def test_poetry_lock_is_read_by_poetry(sandbox):
    ask = (
        "from poetry.factory import Factory\n"
        "print(Factory().create_poetry('.').locker._get_content_hash())\n"
    )
    made = tool(
        sandbox,
        {"pyproject.toml": POETRY, "ask.py": ask},
        "uv tool run -q --from 'poetry>=2,<3' python ask.py > hash",
    )
    lock = POETRY_LOCK % (CLICK_HASH, (made / "hash").read_text().strip())
    files = {"pyproject.toml": POETRY, "poetry.lock": lock, "Procfile": "web: true\n"}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "click==8.1.7" in built.output
    assert "iniconfig" not in built.output
    failed = sandbox.build({**files, "pyproject.toml": POETRY.replace('"^8"', '">=8.1"')})
    assert failed.error["message"] == "poetry.lock does not fit pyproject.toml"


def test_pipfile_lock_is_installed_with_its_hashes(sandbox):
    hashes = f'"sha256:{CLICK_HASH}"'
    click = '{"version": "==8.1.7", "hashes": [%s]}'
    lock = '{"_meta": {"sources": []}, "default": {"click": ' + click + '}, "develop": {}}'
    files = {"Pipfile": "", "Pipfile.lock": lock % hashes, "Procfile": "web: true\n"}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "click==8.1.7" in built.output
    wrong = sandbox.build({**files, "Pipfile.lock": lock % hashes.replace("ae74", "ae75")})
    assert wrong.status == 1
    assert "click==8.1.7 is not the file its hash was made from" in wrong.error["message"]


def test_config_vars_named_in_requirements_reach_the_installer(sandbox):
    files = {"requirements.txt": "--index-url ${MY_INDEX}\nclick\n", "Procfile": "web: true\n"}
    failed = sandbox.build(
        files, config={"MY_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    )
    assert failed.plan[0]["variables"] == ["MY_INDEX"]
    assert failed.error["message"] == "the package index could not be reached"


# -- what goes wrong ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("flask-of-nobody-at-all==1\n", "the package flask-of-nobody-at-all does not exist in"),
        ("flask==99\n", "there is no release of flask==99 in the package index"),
        ("flask==3.1.1\nwerkzeug<2\n", "the requirements contradict each other: "),
        ("flask\n===\n", "requirements.txt has a line that is not a requirement"),
        ("-r missing.txt\n", "requirements.txt includes missing.txt, which is not in"),
        ("-r ../../etc/passwd\n", "requirements.txt includes ../../etc/passwd, which is"),
    ],
)  # fmt: skip
def test_a_bad_requirement_is_named(sandbox, requirements, message):
    failed = sandbox.build({"requirements.txt": requirements, "app.py": FLASK})
    assert failed.status == 1
    assert failed.error["message"].startswith(message)
    assert failed.error["hint"]


@pytest.mark.parametrize("text", ["3.13\n", "# pinned\n3.13\n", "3\n", "python-3.13.1"])
def test_the_stacks_own_version_needs_no_runtime_layer(sandbox, text):
    files = {"requirements.txt": "click\n", ".python-version": text, "Procfile": "web: true\n"}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert [layer["name"] for layer in built.plan] == ["dependencies"]


def test_a_version_that_cannot_be_had_names_the_one_that_can(sandbox):
    files = {"requirements.txt": "click\n", ".python-version": "3.12\n", "app.py": FLASK}
    config = {"UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:9/", "UV_HTTP_RETRIES": "0"}
    failed = sandbox.build(files, config=config)
    assert [layer["name"] for layer in failed.plan] == ["runtime", "dependencies"]
    assert failed.error["message"].startswith("Python 3.12 could not be installed: ")
    assert "this stack has Python 3.13" in failed.error["hint"]


@pytest.mark.parametrize("text", ["latest", "3.x", "pypy3.10", "three"])
def test_a_version_file_that_is_none_is_refused(sandbox, text):
    failed = sandbox.build({"requirements.txt": "click\n", "runtime.txt": text})
    assert failed.error["message"] == f"runtime.txt says {text!r}, which is not a Python version"


def test_a_project_for_another_python_says_so(sandbox):
    project = PROJECT.replace(">=3.11", ">=3.9,<3.12")
    locked = tool(sandbox, {"pyproject.toml": PROJECT}, "uv lock -q")
    lock = (locked / "uv.lock").read_text().replace(">=3.11", ">=3.9, <3.12")
    failed = sandbox.build({"pyproject.toml": project, "uv.lock": lock, "Procfile": "web: x\n"})
    assert failed.status == 1
    assert "Python" in failed.error["message"]
    assert "3.12" in failed.error["message"]


def test_a_pipfile_without_its_lock_is_refused(sandbox):
    failed = sandbox.build({"Pipfile": "[packages]\nclick = '*'\n"})
    assert failed.error["message"] == "there is a Pipfile, but no Pipfile.lock"


def test_a_committed_virtual_environment_is_left_out_and_named(sandbox):
    files = {
        "requirements.txt": "click\n",
        ".venv/pyvenv.cfg": "home = /nowhere\n",
        ".venv/bin/python": "#!/bin/false\n",
        "env/pyvenv.cfg": "home = /nowhere\n",
        "Procfile": "web: true\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert ".venv is in the repository, but is made anew by the build" in built.output
    assert "env/ is a virtual environment of another machine" in built.output
    assert not (built.app / ".venv/pyvenv.cfg").exists()


def test_the_pack_keeps_herokus_contract_as_programs(sandbox, tmp_path):
    (tmp_path / "requirements.txt").write_text("click\n")
    (tmp_path / "config").mkdir()
    packs = REPOSITORY / "buildpacks" / "python" / "bin"
    detect = subprocess.run([packs / "detect", tmp_path], capture_output=True, text=True)
    assert (detect.returncode, detect.stdout) == (0, "Python\n")
    (tmp_path / "requirements.txt").unlink()
    refused = subprocess.run([packs / "detect", tmp_path], capture_output=True, text=True)
    assert refused.returncode == 1
