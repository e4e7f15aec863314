"""The web process of an app without a Procfile, guessed from what is installed and written."""

import os
import re

from lifecycle import say

from python import django
from python.servers import ASGI, SCRIPTS, TOOLS, WSGI, Installed, command

FILES = (
    "app.py", "main.py", "wsgi.py", "asgi.py", "server.py", "application.py", "run.py", "web.py",
    "api.py", "streamlit_app.py", "app/main.py", "app/__init__.py", "app/app.py", "api/main.py",
    "backend/main.py", "src/main.py", "src/app.py", "src/app/main.py",
)  # fmt: skip
# name = Flask(...), name: FastAPI = fastapi.FastAPI(...)
INSTANCE = re.compile(
    r"^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)*"
    r"(Flask|FastAPI|Starlette|Quart|Litestar|Sanic|Bottle|Dash|Falcon|BlackSheep|Robyn)\(",
    re.MULTILINE,
)
FACTORY = re.compile(r"^def (create_app|make_app)\(", re.MULTILINE)
NAMED = re.compile(r"^(?:from \S+ import .*\b)?(app|application)\b(?:\s*=|\s*$)", re.MULTILINE)
ASYNCHRONOUS = ("FastAPI", "Starlette", "Quart", "Litestar", "BlackSheep")
# a program that listens by itself, where the platform says to
SERVES = re.compile(r"\.run\(|\.launch\(|serve_forever|run_app\(|\.listen\(|\.serve\(|\bserve\(")
READS_PORT = re.compile(r"""["']PORT["']""")


def default(root: str, installed: Installed) -> dict[str, str]:
    """{"web": command}, or nothing with a line that says what is missing."""
    if os.path.isfile(os.path.join(root, "Procfile")):
        return {}
    found = of_django(root, installed) or of_files(root, installed) or of_scripts(root)
    if found:
        return {"web": found}
    if not any(server in installed for server in (*WSGI, *ASGI)):
        say.warning("no web process: add gunicorn (or uvicorn) to the dependencies,")
    else:
        say.warning("no web process: there is no app.py, main.py or wsgi.py with an app in it,")
    say.warning("or write a Procfile, such as: web: gunicorn app:app --bind 0.0.0.0:$PORT")
    return {}


# -- Django --------------------------------------------------------------------------------


def of_django(root: str, installed: Installed) -> str:
    """Its WSGI application, or the ASGI one where the project is set up for that."""
    module = django.settings_module(root)
    project = module.split(".settings")[0] if module else ""
    if not project or "django" not in installed:
        return ""
    settings = django.settings_text(root, module)
    asynchronous = re.search(r"^\s*ASGI_APPLICATION\b", settings, re.MULTILINE)
    ways = [("asgi", ASGI), ("wsgi", WSGI)] if asynchronous else [("wsgi", WSGI), ("asgi", ASGI)]
    for name, servers in ways:
        path = os.path.join(root, *project.split("."), f"{name}.py")
        target = f"{project}.{name}:application"
        if os.path.isfile(path) and (found := command(servers, target, installed)):
            return found
    return ""


# -- files ---------------------------------------------------------------------------------


def of_files(root: str, installed: Installed) -> str:
    """The first usual file with an app in it that something installed can serve."""
    for name in FILES:
        path = os.path.join(root, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8-sig", errors="replace") as file:
                text = file.read()
            if found := of_text(name, text, installed):
                return found
    return ""


def of_text(name: str, text: str, installed: Installed) -> str:
    """The command for one file's text; "" when it has no app or nothing can serve it."""
    module, folder = importable(name)
    servers, target = WSGI, ""
    if match := INSTANCE.search(text):
        servers = ASGI if match[2] in ASYNCHRONOUS else WSGI
        target = f"{module}:{match[1]}" + (".server" if match[2] == "Dash" else "")
        if match[2] == "Sanic" and "sanic" in installed:
            return f"sanic {target} --host=0.0.0.0 --port=$PORT"
    elif tool := of_tool(name, text, installed):
        return tool
    elif match := FACTORY.search(text):
        target = f"{module}:{match[1]}()"
    elif module in ("wsgi", "asgi") and (match := NAMED.search(text)):
        servers = ASGI if module == "asgi" else WSGI
        target = f"{module}:{match[1]}"
    if target and (found := command(servers, target, installed, folder)):
        return found
    return of_program(name, text)


def of_tool(name: str, text: str, installed: Installed) -> str:
    """The command of a tool that turns a script into pages (Streamlit, Gradio, ...)."""
    for tool, form in TOOLS:
        imported = re.search(rf"^\s*(?:import|from) {tool}\b", text, re.MULTILINE)
        if imported and tool in installed:
            return form.format(name)
    return ""


def of_program(name: str, text: str) -> str:
    """`python FILE` for a program that serves by itself on the port it is given."""
    if READS_PORT.search(text) and SERVES.search(text):
        if INSTANCE.search(text):
            say.warning(f"{name} is started by itself: add gunicorn (or uvicorn) for production")
        return f"python {name}"
    return ""


def importable(name: str) -> tuple[str, str]:
    """The dotted name of a file's module, and the folder it is imported from ("" for the root)."""
    path = name.removesuffix(".py").removesuffix("/__init__")
    folder = "src" if path.startswith("src/") else ""
    return path.removeprefix("src/").replace("/", "."), folder


# -- the project's own commands ------------------------------------------------------------


def of_scripts(root: str) -> str:
    """A command that pyproject.toml defines under a name that says it serves."""
    path = os.path.join(root, "pyproject.toml")
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        found = SCRIPTS.search(file.read())
    names = re.findall(r"^\s*[\"']?([\w-]+)[\"']?\s*=", found[1], re.MULTILINE) if found else []
    return next((name for name in ("web", "serve", "server", "start") if name in names), "")
