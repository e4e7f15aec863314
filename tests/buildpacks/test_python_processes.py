"""How a Python app is started when it has no Procfile."""

import base64
import os
import socket
import sys

import pytest

from tests.buildpacks.sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from python import processes

FLASK = "from flask import Flask\n\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\n\napi = FastAPI()\n"
FACTORY = "def create_app():\n    return None\n"
SOCKETS = "import os\nimport aiohttp.web\n\naiohttp.web.run_app(x, port=int(os.environ['PORT']))\n"
SETTINGS = "ROOT_URLCONF = 'shop.urls'\n"
DJANGO = {
    "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n',
    "shop/settings.py": SETTINGS,
    "shop/wsgi.py": "",
    "shop/asgi.py": "",
}
GUNICORN = "gunicorn {} --bind 0.0.0.0:$PORT"
UVICORN = "uvicorn {} --host 0.0.0.0 --port $PORT"


@pytest.mark.parametrize(
    ("packages", "files", "expected"),
    [
        (["flask", "gunicorn"], {"app.py": FLASK}, GUNICORN.format("app:app")),
        (["flask", "waitress"], {"wsgi.py": FLASK},
         "waitress-serve --host=0.0.0.0 --port=$PORT wsgi:app"),
        (["gunicorn"], {"shop/x.py": "", "app.py": FACTORY},
         GUNICORN.format("'app:create_app()'")),
        (["fastapi", "uvicorn"], {"app/main.py": FASTAPI}, UVICORN.format("app.main:api")),
        (["fastapi", "uvicorn"], {"src/main.py": FASTAPI},
         UVICORN.format("main:api") + " --app-dir src"),
        (["fastapi", "hypercorn"], {"main.py": FASTAPI}, "hypercorn main:api --bind 0.0.0.0:$PORT"),
        (["django", "gunicorn"], DJANGO, GUNICORN.format("shop.wsgi:application")),
        (["django", "gunicorn", "daphne"],
         {**DJANGO, "shop/settings.py": SETTINGS + "ASGI_APPLICATION = 'shop.asgi.application'\n"},
         "daphne -b 0.0.0.0 -p $PORT shop.asgi:application"),
        (["gradio"], {"app.py": "import gradio as gr\ngr.Interface().launch()\n"},
         "env GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=$PORT python app.py"),
        (["panel"], {"main.py": "import panel as pn\n"},
         "panel serve main.py --address 0.0.0.0 --port $PORT --allow-websocket-origin '*'"),
        (["chainlit"], {"app.py": "import chainlit as cl\n"},
         "chainlit run app.py --host 0.0.0.0 --port $PORT --headless"),
        (["aiohttp"], {"main.py": SOCKETS}, "python main.py"),
        ([], {"pyproject.toml": '[project]\nname = "x"\n\n[project.scripts]\nserve = "x:main"\n'},
         "serve"),
        (["sanic"], {"server.py": "from sanic import Sanic\napp = Sanic('x')\n"},
         "sanic server:app --host=0.0.0.0 --port=$PORT"),
        (["flask", "gunicorn"], {"hello.py": FLASK, "test_hello.py": FLASK, "other.py": "x = 1\n"},
         GUNICORN.format("hello:app")),
        (["flask", "gunicorn"], {"shop/__init__.py": FACTORY, "tests/__init__.py": FACTORY},
         GUNICORN.format("'shop:create_app()'")),
        (["fastapi", "uvicorn"], {"src/shop/__init__.py": "", "src/shop/main.py": FASTAPI},
         UVICORN.format("shop.main:api") + " --app-dir src"),
        (["django", "gunicorn"], {f"site/{name}": text for name, text in DJANGO.items()},
         GUNICORN.format("shop.wsgi:application") + " --chdir site"),
        (["flask", "waitress"], {"src/shop/__init__.py": "", "src/shop/app.py": FLASK},
         "env PYTHONPATH=src:$PYTHONPATH waitress-serve --host=0.0.0.0 --port=$PORT shop.app:app"),
        (["flask", "gunicorn"], {"one.py": FLASK, "two.py": FLASK}, None),
        (["flask"], {"app.py": FLASK}, None),
        (["gunicorn"], {"app.py": "print('no app in here')\n"}, None),
    ],
)  # fmt: skip
def test_the_command_follows_from_what_is_written_and_installed(
    tmp_path, packages, files, expected
):
    library = tmp_path / ".venv/lib/python3.13/site-packages"
    for name in packages:
        (library / name).mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    found = processes.default(str(tmp_path), processes.Installed(str(tmp_path)))
    assert found.get("web") == expected


@pytest.mark.heavy
def test_streamlit_answers_with_its_page_and_opens_its_websocket(sandbox):
    script = "import streamlit as st\n\nst.title('Hello from Streamlit')\n"
    built = sandbox.build({"app.py": script, "requirements.txt": "streamlit==1.40.2\n"})
    assert built.status == 0, built.output
    with sandbox.serving(built) as site:
        assert b"Streamlit" in site.get().body
        assert upgrade(site.port, "/_stcore/stream").startswith(b"HTTP/1.1 101")


def upgrade(port, path):
    """The first bytes of the answer to a request for a websocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: app.example.com\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            .encode()
        )  # fmt: skip
        return connection.recv(100)
