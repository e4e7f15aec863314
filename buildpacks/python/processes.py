"""The web process of an app without a Procfile, guessed from what is installed and written."""

import glob
import os
import re

from lifecycle import say
from lifecycle.text import read

from python import django
from python.servers import ASGI, SCRIPTS, TOOLS, WSGI, Installed, command

FILES = (
    "app.py", "main.py", "wsgi.py", "asgi.py", "server.py", "application.py", "run.py", "web.py",
    "api.py", "streamlit_app.py", "app/main.py", "app/__init__.py", "app/app.py", "api/main.py",
    "backend/main.py", "src/main.py", "src/app.py", "src/app/main.py",
)  # fmt: skip
# in a package of the project's own
MODULES = ("main.py", "app.py", "server.py", "__init__.py")
NO_APPS = re.compile(r"test|conftest|setup\.py|tasks\.py|noxfile|fabfile")
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
    known = of_django(root, installed) or of_files(root, installed) or of_scripts(root)
    found = known or of_packages(root, installed) or of_others(root, installed)
    if found:
        return {"web": found}
    if not any(server in installed for server in (*WSGI, *ASGI)):
        say.warning("no web process: add gunicorn (or uvicorn) to the dependencies,")
    else:
        say.warning("no web process: there is no app.py, main.py or wsgi.py with an app in it,")
    say.warning(f"or write a Procfile, such as: web: gunicorn {example(root)} --bind 0.0.0.0:$PORT")
    return {}


def example(root: str) -> str:
    """What an example hands to a server: the Django project's application, or a usual name."""
    folder = django.home(root)
    module = django.settings_module(os.path.join(root, folder))
    if not module:
        return "app:app"
    return f"{module.split('.settings')[0]}.wsgi" + (f" --chdir {folder}" if folder else "")


# -- Django --------------------------------------------------------------------------------


def of_django(root: str, installed: Installed) -> str:
    """Its WSGI application, or the ASGI one where the project is set up for that."""
    folder = django.home(root)
    root = os.path.join(root, folder)
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
        if os.path.isfile(path) and (found := command(servers, target, installed, folder)):
            return found
    return ""


# -- files ---------------------------------------------------------------------------------


def of_files(root: str, installed: Installed) -> str:
    """The first usual file with an app in it that something installed can serve."""
    return next((found for name in FILES if (found := of_file(root, name, installed))), "")


def of_file(root: str, name: str, installed: Installed) -> str:
    text = read(root, name)
    return of_text(name, text, installed) if text else ""


def of_packages(root: str, installed: Installed) -> str:
    """The app in the first package that has one, at the top or in src/."""
    names = [f"{folder}/{module}" for folder in packages(root) for module in MODULES]
    return next((found for name in names if (found := of_file(root, name, installed))), "")


def packages(root: str) -> list[str]:
    """Folders with an __init__.py at the top and in src/, by name."""
    patterns = ("*/__init__.py", "src/*/__init__.py")
    found = [path for one in patterns for path in glob.glob(one, root_dir=root)]
    folders = sorted(os.path.dirname(path) for path in found)
    return [path for path in folders if not NO_APPS.match(os.path.basename(path))]


def of_others(root: str, installed: Installed) -> str:
    """The only other file at the top that has an app, whatever its name."""
    names = sorted(glob.glob("*.py", root_dir=root))
    found = [
        way
        for name in names
        if not NO_APPS.match(name) and has_app(text := read(root, name))
        if (way := of_text(name, text, installed))
    ]
    return found[0] if len(found) == 1 else ""


def has_app(text: str) -> bool:
    return bool(INSTANCE.search(text)) or any(imports(tool, text) for tool, _ in TOOLS)


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
        if imports(tool, text) and tool in installed:
            return form.format(name)
    return ""


def imports(tool: str, text: str) -> bool:
    return bool(re.search(rf"^\s*(?:import|from) {tool}\b", text, re.MULTILINE))


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
    found = SCRIPTS.search(read(root, "pyproject.toml"))
    names = re.findall(r"^\s*[\"']?([\w-]+)[\"']?\s*=", found[1], re.MULTILINE) if found else []
    return next((name for name in ("web", "serve", "server", "start") if name in names), "")
