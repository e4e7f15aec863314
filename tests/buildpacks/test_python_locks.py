"""Every tool's lock file: installed just as it says, refused when it does not fit."""

from tests.buildpacks.tools import tool

CLICK_HASH = "ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28"
BUILD_SYSTEM = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""
PROJECT = """
[project]
name = "sample"
version = "1"
requires-python = ">=3.11"
dependencies = ["click>=8"]

[dependency-groups]
dev = ["iniconfig"]
"""


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
    built = sandbox.build(files, app="project")
    assert built.status == 0, built.output
    assert "installing the project itself" in built.output
    assert said(sandbox, built) == "greetings\n"
    changed = {**files, "src/sample.py": "def main():\n    print('goodbye')\n"}
    again = sandbox.build(changed, app="project")
    assert "installing the project itself" not in again.output  # what it wrote is put back
    assert said(sandbox, again) == "goodbye\n"
    more = sandbox.build({**changed, "src/more.py": ""}, app="project")
    assert "installing the project itself" in more.output


def said(sandbox, built):
    """What the app's own command prints."""
    done = sandbox.run(
        ["/.paas/launch", "greet"],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
        environment=built.build["environment"],
    )
    return done.output


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


PDM = """
[project]
name = "sample"
version = "1"
requires-python = ">=3.11"
dependencies = ["click>=8", "idna"]
"""
PDM_LOCK = """
[metadata]
groups = ["default", "dev"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "sha256:0"

[[metadata.targets]]
requires_python = ">=3.11"

[[package]]
name = "click"
version = "8.1.7"
requires_python = ">=3.7"
summary = ""
groups = ["default"]
files = [{file = "click-8.1.7-py3-none-any.whl", hash = "sha256:%s"}]

[[package]]
name = "colorama"
version = "0.4.6"
summary = ""
groups = ["default"]
marker = 'platform_system == "Windows"'
files = []

[[package]]
name = "idna"
version = "3.7"
summary = ""
groups = ["default"]
files = []

[[package]]
name = "iniconfig"
version = "2.0.0"
summary = ""
groups = ["dev"]
files = []
"""


def test_pdm_lock_is_installed_without_its_development_groups(sandbox):
    files = {"pyproject.toml": PDM, "pdm.lock": PDM_LOCK % CLICK_HASH, "Procfile": "web: true\n"}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "with uv (pdm.lock)" in built.output
    assert "+ click==8.1.7" in built.output
    assert "colorama" not in built.output
    assert "iniconfig" not in built.output
    failed = sandbox.build({**files, "pyproject.toml": PDM.replace('"idna"', '"idna", "certifi"')})
    assert failed.error["message"] == "pdm.lock does not fit pyproject.toml"
    assert failed.error["hint"] == "run pdm lock, and commit pdm.lock"
    failed = sandbox.build({**files, "pyproject.toml": PDM.replace("click>=8", "click>=8.2")})
    assert failed.error["message"].startswith("the requirements contradict each other")


def test_the_standard_lock_file_is_read_by_uv(sandbox):
    made = tool(
        sandbox,
        {"requirements.in": "click==8.1.8\n"},
        "uv pip compile -q requirements.in --format pylock.toml -o pylock.toml",
    )
    files = {"pylock.toml": (made / "pylock.toml").read_text(), "Procfile": "web: true\n"}
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert "with uv (pylock.toml)" in built.output
    assert "+ click==8.1.8" in built.output
