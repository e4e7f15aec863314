import signal
import subprocess

import pytest

from tests.buildpacks.sandbox import APPS, REPOSITORY, packed, send

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
        output = site.process.communicate(timeout=60)[0].decode()
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
    project = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
    built = sandbox.build({"shop/manage.py": project, "requirements.txt": "idna\n"})
    assert "web: gunicorn shop.wsgi --chdir shop --bind 0.0.0.0:$PORT" in built.output


def test_an_app_without_dependencies_needs_no_layer(sandbox):
    built = sandbox.build({"manage.py": "print(1)\n", "Procfile": "web: python3 manage.py\n"})
    assert built.status == 0, built.output
    assert built.results["plan"]["layers"] == []
    assert built.build["procfile"] == "web: python3 manage.py\n"


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
    # as `python -m venv` makes them, with the Python of the machine they were made on
    links = {
        ".venv/bin/python3": "/opt/python/bin/python3.12",
        "env/bin/python3": "/usr/bin/python3",
    }
    contents = {name: text.encode() for name, text in files.items()}
    built = sandbox.build({}, archive=packed(contents, links))
    assert built.status == 0, built.output
    assert ".venv is in the repository, but is made anew by the build" in built.output
    assert "env/ is a virtual environment of another machine" in built.output
    assert not (built.app / ".venv/pyvenv.cfg").exists()
    assert not (built.app / "env/bin/python3").is_symlink()


def test_the_pack_keeps_herokus_contract_as_programs(sandbox, tmp_path):
    (tmp_path / "requirements.txt").write_text("click\n")
    (tmp_path / "config").mkdir()
    packs = REPOSITORY / "buildpacks" / "python" / "bin"
    detect = subprocess.run([packs / "detect", tmp_path], capture_output=True, text=True)
    assert (detect.returncode, detect.stdout) == (0, "Python\n")
    (tmp_path / "requirements.txt").unlink()
    refused = subprocess.run([packs / "detect", tmp_path], capture_output=True, text=True)
    assert refused.returncode == 1
