"""The apt pack: packages of the image and of builds, whatever else builds the app."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buildpacks import debs, mirror

PROCFILE = {"Procfile": "web: x\n"}
INLINE = {**PROCFILE, "serve": "", "bin/compile": "#!/bin/bash\nset -e\n"}


def ran(sandbox, built, command: str) -> str:
    """What a command prints where the app would run."""
    folders = {name: sandbox.fresh(name) for name in ("config", "cache", "result")}
    child = sandbox.start(
        ["/bin/bash", "-c", command],
        built.layers,
        sandbox.fresh("upper"),
        stack=sandbox.stack[-1:],
        **folders,
    )
    return child.communicate()[0].decode()


def test_packages_of_the_image_and_of_the_build_are_kept_apart(sandbox):
    compile_ = '#!/bin/bash\nset -e\nfiglet -v > /dev/null\nhello > "$1/hello.txt"\n'
    files = {
        **PROCFILE,
        "bin/compile": compile_,
        "Aptfile": "# letters\nfiglet  # large ones\n\n",
        "Aptfile.build": "hello\n",
    }
    built = sandbox.build(files, buildpacks=["apt", "inline"])
    assert built.status == 0, built.output
    assert (built.app / "hello.txt").read_text() == "Hello, world!\n"
    assert "Version" in ran(sandbox, built, "figlet -v") + ran(
        sandbox, built, "/app/.apt/usr/bin/figlet -v"
    )
    assert "not found" in ran(sandbox, built, "hello")
    assert [layer["name"] for layer in built.plan] == ["run-packages", "build-packages"]


def test_headers_of_the_builds_stack_stay_beside_those_of_packages(sandbox):
    lines = "#include <Python.h>\\n#include <openssl/ssl.h>\\n#include <bzlib.h>\\n"
    compile_ = (
        f"#!/bin/bash\nset -e\nprintf '{lines}' | gcc -I/usr/include/python3.13 -E - > /dev/null\n"
    )
    files = {**PROCFILE, "bin/compile": compile_, "Aptfile": "libbz2-dev\n"}
    built = sandbox.build(files, buildpacks=["apt", "inline"])
    assert built.status == 0, built.output


def test_an_aptfile_beside_any_other_app_is_enough(sandbox):
    built = sandbox.build({**PROCFILE, "Aptfile": "figlet\n"})
    assert built.status == 0, built.output
    assert built.build["buildpacks"] == ["apt", "procfile"]
    assert "-----> Apt app detected\n       by Aptfile\n" in built.output


def test_an_aptfile_alone_is_no_app(sandbox):
    failed = sandbox.build({"Aptfile": "figlet\n"})
    assert failed.error["message"] == "no buildpack fits this app"


def test_layers_above_packages_are_made_anew_when_those_change(sandbox):
    flask = {"requirements.txt": "six==1.17.0\n", **PROCFILE}
    first = sandbox.build({**flask, "Aptfile": "figlet\n"})
    assert first.status == 0, first.output
    second = sandbox.build({**flask, "Aptfile.build": "hello\n"})
    over = [built.plan[-1].get("over") for built in (first, second)]
    assert None not in over
    assert over[0] != over[1]
    assert "over" not in sandbox.build(flask).plan[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--purge\n", "'--purge' is not the name of a Debian package"),
        ("ftp://x/y.deb\n", "'ftp://x/y.deb' is not the name of a Debian package"),
        ("figlet\n:repo:deb file:/etc x main\n", "is no line of a sources.list"),
        ("figlet\n:repo:rm -rf /\n", "is no line of a sources.list"),
        ("figlet\n:repo:deb http://127.0.0.1:9/x trixie main\n", "the repositories of the Aptfile"),
    ],
)
def test_what_cannot_be_installed_is_told(sandbox, text, message):
    failed = sandbox.build({**PROCFILE, "Aptfile": text})
    assert failed.status == 1
    assert message in failed.error["message"]


# -- from elsewhere -----------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A repository with one package that needs one of Debian's, served over HTTP."""
    pool = tmp_path / "served"
    debs.publish(pool)
    with mirror.serving(pool) as address:
        yield address


def test_a_deb_file_is_installed_with_what_it_needs_and_its_scripts(sandbox, repository):
    built = sandbox.build({**PROCFILE, "Aptfile": f"{repository}/pool/tool_1.2_all.deb\n"})
    assert built.status == 0, built.output
    assert ran(sandbox, built, "tool; figlet -I0").startswith("set up 1.2\n")


def test_a_repository_of_ones_own_is_asked_beside_debians(sandbox, repository):
    text = f":repo:deb [arch=amd64] {repository} any main\npaas-test-tool\n"
    built = sandbox.build({**PROCFILE, "Aptfile": text})
    assert built.status == 0, built.output
    assert "packages of other repositories than Debian's are taken as they come" in built.output
    assert ran(sandbox, built, "tool") == "set up 1.2\n"
