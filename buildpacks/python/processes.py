"""The web process of an app without a Procfile, guessed from what is installed."""

import os
import re

from lifecycle import say

from python import django

MODULES = ("app", "main", "wsgi", "asgi", "server", "application", "run")
# name = Flask(...), name: FastAPI = fastapi.FastAPI(...)
INSTANCE = re.compile(
    r"^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)*(Flask|FastAPI|Starlette|Quart|Litestar|Sanic|Bottle|Dash)\(",
    re.MULTILINE,
)
FACTORY = re.compile(r"^def (create_app|make_app)\(", re.MULTILINE)
NAMED = re.compile(r"^(?:from \S+ import .*\b)?(app|application)\b(?:\s*=|\s*$)", re.MULTILINE)
ASYNCHRONOUS = ("FastAPI", "Starlette", "Quart", "Litestar")
GUNICORN = "gunicorn {0} --bind 0.0.0.0:$PORT"
UVICORN = "uvicorn {0} --host 0.0.0.0 --port $PORT"


class Installed:
    """Which packages the virtual environment has, asked by import name."""

    def __init__(self, root: str) -> None:
        library = os.path.join(root, ".venv/lib")
        found = os.listdir(library) if os.path.isdir(library) else []
        versions = [name for name in found if name.startswith("python")]
        self.folder = os.path.join(library, versions[0], "site-packages") if versions else ""

    def __contains__(self, name: str) -> bool:
        return bool(self.folder) and os.path.isdir(os.path.join(self.folder, name))


def default(root: str, installed: Installed) -> dict[str, str]:
    """{"web": command}, or nothing with a line that says what is missing."""
    if os.path.isfile(os.path.join(root, "Procfile")):
        return {}
    command = of_django(root, installed) or of_module(root, installed)
    if command:
        return {"web": command}
    if "gunicorn" not in installed and "uvicorn" not in installed:
        say.warning("no web process: add gunicorn (or uvicorn) to the dependencies,")
    else:
        say.warning("no web process: there is no app.py, main.py or wsgi.py with an app in it,")
    say.warning("or write a Procfile, such as: web: gunicorn app:app --bind 0.0.0.0:$PORT")
    return {}


def of_django(root: str, installed: Installed) -> str:
    module = django.settings_module(root)
    project = module.split(".settings")[0] if module else ""
    if not project or "django" not in installed:
        return ""
    return served(root, installed, project, ("wsgi", GUNICORN), ("asgi", UVICORN))


def served(root: str, installed: Installed, project: str, *ways: tuple[str, str]) -> str:
    for name, command in ways:
        path = os.path.join(root, *project.split("."), f"{name}.py")
        if os.path.isfile(path) and command.split()[0] in installed:
            return command.format(f"{project}.{name}:application")
    return ""


def of_module(root: str, installed: Installed) -> str:
    for module in MODULES:
        path = os.path.join(root, f"{module}.py")
        if os.path.isfile(path):
            with open(path, errors="replace") as file:
                command = of_text(module, file.read(), installed)
            if command:
                return command
    return ""


def of_text(module: str, text: str, installed: Installed) -> str:
    """The command for one module's text; "" when it has no app or nothing can serve it."""
    if match := INSTANCE.search(text):
        wanted = UVICORN if match[2] in ASYNCHRONOUS else GUNICORN
        target = f"{module}:{match[1]}" + (".server" if match[2] == "Dash" else "")
    elif match := FACTORY.search(text):
        wanted, target = GUNICORN, f"{module}:{match[1]}()"
    elif module in ("wsgi", "asgi") and (match := NAMED.search(text)):
        wanted = UVICORN if module == "asgi" else GUNICORN
        target = f"{module}:{match[1]}"
    else:
        return ""
    if wanted.split()[0] not in installed:
        return ""
    quoted = f"'{target}'" if "(" in target else target
    return wanted.format(quoted)
