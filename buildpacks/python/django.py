"""Django's collectstatic, run when the project is set up for it."""

import glob
import os
import re

from lifecycle import child, config, say
from lifecycle.say import Failure

SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
ROOT = re.compile(r"^\s*STATIC_ROOT\b", re.MULTILINE)
SWITCH = "DISABLE_COLLECTSTATIC"


def home(root: str) -> str:
    """Where the project is: "" for the app's root, else the only folder with a manage.py."""
    found = glob.glob("*/manage.py", root_dir=root)
    if os.path.isfile(os.path.join(root, "manage.py")) or len(found) != 1:
        return ""
    return os.path.dirname(found[0])


def settings_module(root: str) -> str:
    """The settings module that manage.py names; "" when it is no Django project."""
    path = os.path.join(root, "manage.py")
    if not os.path.isfile(path):
        return ""
    with open(path, errors="replace") as file:
        match = SETTINGS.search(file.read())
    return match[1] if match else ""


def settings_text(root: str, module: str) -> str:
    """The text of the settings: one file, or every file of the package; "" when there is none."""
    path = os.path.join(root, *module.split("."))
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    if not os.path.isdir(folder):
        return ""
    names = sorted(name for name in os.listdir(folder) if name.endswith(".py"))
    wanted = names if os.path.isdir(path) or "settings" not in module.rpartition(".")[2] else []
    files = [os.path.join(folder, name) for name in wanted] or [f"{path}.py"]
    parts = []
    for name in files:
        if os.path.isfile(name):
            with open(name, errors="replace") as file:
                parts.append(file.read())
    return "\n".join(parts)


def collect_static(root: str, variables: dict[str, str], environment: dict[str, str]) -> None:
    """Run collectstatic; Failure when it fails, since pages without style are no deploy."""
    python = os.path.join(root, ".venv/bin/python")
    root = os.path.join(root, home(root))
    module = settings_module(root)
    if not module or not os.path.exists(python) or not os.path.isdir(os.path.dirname(python)):
        return
    text = settings_text(root, module)
    if "django.contrib.staticfiles" not in text:
        return
    if variables.get(SWITCH, "0") not in ("", "0"):
        say.detail(f"collectstatic is switched off ({SWITCH})")
        return
    if not ROOT.search(text):
        say.detail("collectstatic is left out: the settings have no STATIC_ROOT")
        return
    run(root, python, {**environment, **config.exported(variables)})


def run(root: str, python: str, environment: dict[str, str]) -> None:
    say.step("Collecting static files: manage.py collectstatic")
    argv = [python, "manage.py", "collectstatic", "--noinput"]
    done = child.run(argv, {**environment, "PYTHONUNBUFFERED": "1"}, root)
    if done.status:
        lines = [line.strip() for line in done.output.splitlines() if line.strip()]
        reason = lines[-1][:300] if lines else f"status {done.status}"
        raise Failure(
            f"collectstatic failed: {reason}",
            f"set what it needs with config:set, or switch it off: config:set <app> {SWITCH}=1",
        )
