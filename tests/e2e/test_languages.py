"""An app of each language, pushed, fetched through the proxy and pushed again; two at once."""

import json
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.buildpacks.sandbox import APPS
from tests.e2e.instance import Instance

CHANGES = {
    "express": ("server.js", "Hello from Express"),
    "bun": ("index.ts", "Hello from Bun"),
    "deno": ("greeting.ts", "Hello from"),
    "flask": ("app.py", "Hello from Flask"),
}


def dependency_layers(platform: Instance) -> set[str]:
    layers = platform.settings.state_dir / "layers"
    return {path.name for path in layers.glob("*-dependencies-*")}


@pytest.mark.parametrize("name", CHANGES)
def test_an_app_is_served_and_a_change_of_its_source_installs_nothing(
    platform: Instance, name: str
) -> None:
    repository = platform.repository(f"lang-{name}", APPS / name)
    repository.deploy()
    page = platform.get(f"lang-{name}").text
    assert page.startswith("Hello from")
    made = dependency_layers(platform)
    path, text = CHANGES[name]
    source = (APPS / name / path).read_text()
    said = repository.deploy({path: source.replace(text, text.replace("Hello", "Bye"))})
    assert platform.get(f"lang-{name}").text == page.replace("Hello", "Bye")
    assert "Installing" not in said
    assert dependency_layers(platform) == made


def test_a_site_that_node_builds_is_served_from_an_image_without_node(platform: Instance) -> None:
    repository = platform.repository("lang-site", APPS / "vite")
    repository.deploy()
    assert '<div id="root">' in platform.get("lang-site").text
    assert platform.get("lang-site", "/any/page").status_code == 200
    assert platform.paas("run", "lang-site", "--", "node", "--version").returncode != 0


def test_what_is_missing_at_the_start_is_named(platform: Instance) -> None:
    repository = platform.repository("lang-missing")
    document = {"name": "x", "scripts": {"start": "node server.js"}}
    said = repository.fail(
        {"package.json": json.dumps(document), "server.js": "require('left-behind');\n"}
    )
    assert "the package left-behind is not in the image" in said
    assert "commit package.json and the lock file" in said


def test_a_committed_virtual_environment_is_named_and_left_out(platform: Instance) -> None:
    repository = platform.repository("lang-venv")
    venv.create(repository.path / "env", symlinks=True)
    said = repository.deploy({"requirements.txt": "click==8.1.8\n", "main.py": LISTING})
    assert "env/ is a virtual environment of another machine: not used" in said
    assert "git rm -r --cached env" in said
    assert platform.get("lang-venv").text == "click"


def test_a_start_script_that_cannot_run_is_told_with_what_mends_it(platform: Instance) -> None:
    repository = platform.repository("lang-script")
    files = {
        "requirements.txt": "click==8.1.8\n",
        "main.py": LISTING,
        "Procfile": "web: ./run.sh\n",
    }
    said = repository.fail({**files, "run.sh": "#!/bin/sh\nexec python main.py\n"})
    assert "run.sh is not executable: git update-index --chmod=+x run.sh, and commit" in said
    (repository.path / "run.sh").chmod(0o755)
    said = repository.fail({"run.sh": "#!/bin/sh\r\nexec python main.py\r\n"})
    assert "run.sh has the line ends of Windows" in said


def test_builds_of_two_apps_at_once_leave_each_other_alone(platform: Instance) -> None:
    def first_and_second(name: str) -> list[str]:
        repository = platform.repository(name)
        pages = []
        for packages in ("click==8.1.8\n", "click==8.1.8\nidna==3.7\n"):
            repository.deploy({"requirements.txt": f"# {name}\n{packages}", "main.py": LISTING})
            pages.append(platform.get(name).text)
        return pages

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(first_and_second, ("lang-one", "lang-two")))
    assert found == [["click", "click idna"]] * 2


LISTING = (Path(__file__).parent / "test_growing_layers.py").read_text().split('"""')[3]
