"""What requirements may refer to: other files, the repository itself, hashes, compilers."""

import hashlib
import io
import zipfile

import pytest

from tests.buildpacks.tools import tool

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


def test_a_package_of_the_repository_is_part_of_the_key_by_its_folder(sandbox):
    files = {
        "requirements.txt": "-e ./library\n",
        "library/pyproject.toml": '[project]\nname = "shelf"\nversion = "1"\n' + BUILD_SYSTEM,
        "library/shelf.py": "def book():\n    return 'a book'\n",
        "Procfile": "web: true\n",
    }
    built = sandbox.build(files, app="shelf")
    assert built.status == 0, built.output
    assert built.plan[0]["files"] == ["requirements.txt", "library/"]
    done = sandbox.run(
        ["/app/.venv/bin/python", "-c", "import shelf; print(shelf.book(), shelf.__file__)"],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
    )
    assert done.output == "a book /app/library/shelf.py\n"
    again = sandbox.build({**files, "notes.txt": "of another file"}, app="shelf")
    assert again.layers[1:] == built.layers[1:]
    more = {**files, "library/shelf.py": "", "requirements.txt": "-e ./library\nidna==3.7\n"}
    second = sandbox.build(more, app="shelf")
    assert second.status == 0, second.output
    assert second.layers[1:] != built.layers[1:]


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_an_index_of_ones_own_is_asked(sandbox, name):
    files = {"requirements.txt": "click\n", "Procfile": "web: true\n"}
    config = {name: "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    failed = sandbox.build(files, config=config)
    assert failed.error["message"] == "the package index could not be reached"


def test_config_vars_named_in_requirements_reach_the_installer(sandbox):
    files = {"requirements.txt": "--index-url ${MY_INDEX}\nclick\n", "Procfile": "web: true\n"}
    failed = sandbox.build(
        files, config={"MY_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    )
    assert failed.plan[0]["variables"] == ["MY_INDEX"]
    assert failed.error["message"] == "the package index could not be reached"


CLICK_HASH = "ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28"


def imported(sandbox, built, code):
    """What Python code prints in the image."""
    done = sandbox.run(
        ["/app/.venv/bin/python", "-c", code],
        built.layers,
        config=sandbox.fresh("config"),
        cache=sandbox.fresh("cache"),
    )
    return done.output.strip()


WORKSPACE = """
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["shelf", "idna==3.7"]

[tool.uv.sources]
shelf = { workspace = true }

[tool.uv.workspace]
members = ["packages/*"]
"""
MEMBER = """
[project]
name = "shelf"
version = "1"
requires-python = ">=3.11"
dependencies = ["click==8.1.8"]
"""


def test_members_of_a_uv_workspace_are_installed_with_every_push_and_nothing_else_is(sandbox):
    files = {
        "pyproject.toml": WORKSPACE,
        "packages/shelf/pyproject.toml": MEMBER + BUILD_SYSTEM,
        "packages/shelf/shelf.py": "def book():\n    return 'a book'\n",
        "Procfile": "web: true\n",
    }
    lock = (tool(sandbox, files, "uv lock -q") / "uv.lock").read_text()
    first = sandbox.build({**files, "uv.lock": lock}, app="members")
    assert first.status == 0, first.output
    assert "packages/shelf/shelf.py" not in first.plan[0]["files"]
    assert imported(sandbox, first, "import shelf, click; print(shelf.book())") == "a book"
    changed = {**files, "packages/shelf/shelf.py": "def book():\n    return 'another'\n"}
    second = sandbox.build({**changed, "uv.lock": lock}, app="members")
    assert second.layers[1:] == first.layers[1:]
    assert imported(sandbox, second, "import shelf; print(shelf.book())") == "another"


def wheel():
    """The bytes of a package's wheel, made by hand."""
    files = {"oakleaf/__init__.py": "green = True\n", "oakleaf-1.0.dist-info/WHEEL": WHEEL}
    files["oakleaf-1.0.dist-info/METADATA"] = "Metadata-Version: 2.1\nName: oakleaf\nVersion: 1.0\n"
    files["oakleaf-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


WHEEL = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.mark.parametrize(
    "requirements",
    [
        "./wheels/oakleaf-1.0-py3-none-any.whl\n",
        "--find-links wheels\noakleaf\n",
        "-f ./wheels\n--no-index\noakleaf==1.0\n",
        "oakleaf @ file:wheels/oakleaf-1.0-py3-none-any.whl\n",
    ],
)
def test_wheels_of_the_repository_are_found(sandbox, requirements):
    files = {
        "requirements.txt": requirements,
        "wheels/oakleaf-1.0-py3-none-any.whl": wheel(),
        "Procfile": "web: true\n",
    }
    built = sandbox.build(files)
    assert built.status == 0, built.output
    assert built.plan[0]["files"] != ["."]
    assert imported(sandbox, built, "import oakleaf; print(oakleaf.green)") == "True"


def test_hashes_are_checked(sandbox):
    line = f"click==8.1.7 --hash=sha256:{CLICK_HASH}\n"
    assert sandbox.build({"requirements.txt": line, "Procfile": "web: x\n"}).status == 0
    wrong = line.replace(CLICK_HASH, hashlib.sha256(b"").hexdigest())
    failed = sandbox.build({"requirements.txt": wrong, "Procfile": "web: x\n"})
    assert "click==8.1.7 is not the file its hash was made from" in failed.error["message"]


def test_a_package_without_a_wheel_is_compiled(sandbox):
    files = {"requirements.txt": "markupsafe==3.0.2\n", "Procfile": "web: true\n"}
    built = sandbox.build(files, config={"UV_NO_BINARY_PACKAGE": "markupsafe"})
    assert built.status == 0, built.output
    assert (
        imported(sandbox, built, "import markupsafe._speedups as s; print(s.__file__[-3:])")
        == ".so"
    )


def test_a_missing_system_library_is_named_with_the_line_that_mends_it(sandbox):
    extension = "from setuptools import Extension, setup\nsetup(name='charm', version='1', "
    files = {
        "requirements.txt": "./charm\n",
        "charm/setup.py": extension + "ext_modules=[Extension('charm', ['charm.c'])])\n",
        "charm/charm.c": "#include <magic.h>\n",
        "Procfile": "web: true\n",
    }
    failed = sandbox.build(files)
    assert failed.error["message"] == "the header magic.h of a system library is missing"
    assert failed.error["hint"] == "add a file named Aptfile with the line: libmagic-dev"


def test_one_requirement_more_is_all_that_is_installed(sandbox):
    first = sandbox.build({"requirements.txt": "click\nidna\n", "Procfile": "web: x\n"}, app="more")
    second = sandbox.build(
        {"requirements.txt": "click\ncertifi\n", "Procfile": "web: x\n"}, app="more"
    )
    assert second.status == 0, second.output
    said = second.output
    assert "+ certifi" in said
    assert "- idna" in said
    assert "click" not in said
    paths = [next(built.layers[1].glob("app/.venv/lib/*/site-packages/click/core.py"))
             for built in (first, second)]  # fmt: skip
    assert paths[0].samefile(paths[1])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"uv.lock": "", "poetry.lock": "", "pyproject.toml": ""},
            "there are lock files of 2 tools: uv.lock, poetry.lock",
        ),
        (
            {"requirements.txt": "\ufeffclick\n".encode("utf-16-le")},
            "requirements.txt is written in UTF-16, as PowerShell's > does",
        ),
        (
            {"requirements.txt": "pip @ file:///croot/pip_1/work\n"},
            "requirements.txt names /croot/pip_1/work, which is not in the repository",
        ),
        ({"requirements.txt": "-e ./gone\n"}, "requirements.txt names ./gone, which is not in"),
        ({"requirements.txt": "pywin32==310\n"}, "pywin32==310 does not exist for Linux"),
        ({"requirements.txt": "pywin32==306\n"}, "pywin32==306 does not exist for Linux"),
        ({"poetry.lock": ""}, "there is a poetry.lock, but no pyproject.toml"),
        (
            {"pdm.lock": "[metadata]\nstrategy = []\n", "pyproject.toml": "[project]\n"},
            "pdm.lock does not say which packages are for production",
        ),
    ],
)
def test_files_that_cannot_serve_are_explained(sandbox, files, message):
    failed = sandbox.build(files)
    assert failed.status == 1
    assert failed.error["message"].startswith(message)
    assert failed.error["hint"]


@pytest.mark.parametrize(
    ("requires", "backend", "message"),
    [
        ("poetry-core", "poetry.core.masonry.api", "poetry was to install the project itself, but"),
        (
            "setuptools",
            "setuptools.build_meta",
            "setuptools was to install the project itself, and",
        ),
        ("hatchling", "hatchling.build", "hatchling was to install the project itself, but"),
        ("uv_build", "uv_build", "uv was to install the project itself, but there is no src/shop/"),
    ],
)
def test_a_build_system_that_finds_no_package_is_explained(sandbox, requires, backend, message):
    project = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'
    system = f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n'
    files = {"pyproject.toml": project + system, "app.py": "", "web/x.py": "", "jobs/x.py": ""}
    failed = sandbox.build(files)
    assert failed.status == 1
    assert failed.error["message"].startswith(message)
    assert "an app that is only run needs none" in failed.error["hint"]
