"""The servers and tools that Python apps bring along, and how each is started here."""

import os
import re

GUNICORN = "gunicorn {0} --bind 0.0.0.0:$PORT"
UVICORN = "uvicorn {0} --host 0.0.0.0 --port $PORT"
WAITRESS = "waitress-serve --host=0.0.0.0 --port=$PORT {0}"
# by the package's import name, or its program's; the first that is installed counts
WSGI = {
    "gunicorn": GUNICORN,
    "waitress": WAITRESS,
    "granian": "granian --interface wsgi --host 0.0.0.0 --port $PORT {0}",
    "uwsgi": "uwsgi --http 0.0.0.0:$PORT --module {0} --master --die-on-term --need-app",
}
ASGI = {
    "uvicorn": UVICORN,
    "hypercorn": "hypercorn {0} --bind 0.0.0.0:$PORT",
    "daphne": "daphne -b 0.0.0.0 -p $PORT {0}",
    "granian": "granian --interface asgi --host 0.0.0.0 --port $PORT {0}",
}
# the switch that says where modules are found, of those that have one
FROM_FOLDER = {"gunicorn": "--chdir", "uvicorn": "--app-dir", "granian": "--working-dir"}
# tools that serve a script: without a browser of their own, on every address, behind our proxy
TOOLS = (
    (
        "streamlit",
        (
            "streamlit run {0} --server.port $PORT --server.address 0.0.0.0 "
            "--server.headless true --browser.gatherUsageStats false"
        ),
    ),
    ("gradio", "env GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=$PORT python {0}"),
    ("chainlit", "chainlit run {0} --host 0.0.0.0 --port $PORT --headless"),
    ("panel", "panel serve {0} --address 0.0.0.0 --port $PORT --allow-websocket-origin '*'"),
    ("shiny", "shiny run --host 0.0.0.0 --port $PORT {0}"),
    ("solara", "solara run {0} --host 0.0.0.0 --port $PORT --production"),
    ("marimo", "marimo run {0} --headless --host 0.0.0.0 --port $PORT"),
)
SCRIPTS = re.compile(
    r"^\[(?:project|tool\.poetry)\.scripts\]\s*\n((?:[^\[\n].*\n?|\n)*)", re.MULTILINE
)


class Installed:
    """Which packages the virtual environment has, asked by import name."""

    def __init__(self, root: str) -> None:
        library = os.path.join(root, ".venv/lib")
        found = os.listdir(library) if os.path.isdir(library) else []
        versions = [name for name in found if name.startswith("python")]
        self.programs = os.path.join(root, ".venv/bin")
        self.folder = os.path.join(library, versions[0], "site-packages") if versions else ""

    def __contains__(self, name: str) -> bool:
        if not self.folder:
            return False
        return os.path.isdir(os.path.join(self.folder, name)) or os.path.exists(
            os.path.join(self.programs, name)
        )


def command(servers: dict[str, str], target: str, installed: Installed, folder: str = "") -> str:
    """The first installed server's command for module:name; "" when there is none."""
    for server, form in servers.items():
        if server in installed:
            text = adapted(server, form, target)
            return within(folder, server, text) if folder else text
    return ""


def within(folder: str, server: str, text: str) -> str:
    """The command, with its modules found in a folder."""
    if switch := FROM_FOLDER.get(server):
        return f"{text} {switch} {folder}"
    return f"env PYTHONPATH={folder}:$PYTHONPATH {text}"


def adapted(server: str, form: str, target: str) -> str:
    """The command, with the target as this server takes it: a factory is named by a switch."""
    if not target.endswith("()"):
        return form.format(target)
    if server == "gunicorn":
        return form.format(f"'{target}'")
    switch = {"waitress": "--call", "uvicorn": "--factory", "granian": "--factory"}.get(server, "")
    name = target.removesuffix("()")
    return form.format(f"{switch} {name}".strip())
