"""Go apps: modules, vendored ones, several programs, cgo, and what goes wrong."""

import signal

import pytest

from tests.buildpacks.sandbox import APPS, files_of, send

APP = {name: data.decode() for name, data in files_of(APPS / "go").items()}
PLAIN = """package main

import (
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("%s")) })
	http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}
"""
MOD = "module example.com/plain\n\ngo 1.25.0\n"
HELLO = {"go.mod": MOD, "main.go": PLAIN % "hello"}
SQUARE = """package main

// int square(int n) { return n * n; }
import "C"
import "fmt"

func init() { fmt.Println(C.square(3)) }
"""


def built(sandbox, files, **options):
    made = sandbox.build(files, **options)
    assert made.status == 0, (made.output, made.results)
    return made


def failed(sandbox, files, **options):
    """The error's message and hint."""
    made = sandbox.build(files, **options)
    assert made.status == 1, made.output
    return made.error["message"], made.error["hint"]


def program(made, name):
    """Whether a program is static, and its bytes."""
    data = (made.app / "bin" / name).read_bytes()
    assert data.startswith(b"\x7fELF")
    return b"/lib64/ld-linux" not in data


def test_a_module_is_built_to_a_static_program_and_served(sandbox):
    made = built(sandbox, APP, app="go", config={"GO_LINKER_SYMBOL": "main.commit"})
    assert "by go.mod" in made.output
    assert "downloading github.com/go-chi/chi/v5" in made.output
    assert made.build["processes"] == {"web": "bin/hello"}
    assert program(made, "hello")
    assert not (made.app / ".heroku/go").exists()
    assert len(made.layers) == 1, "the toolchain is not part of the image"
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hello from Go\n"
        assert site.get("/commit").body == b"0" * 40 + b"\n"
        send(site.process, signal.SIGTERM)
        assert site.process.wait(timeout=60) != 0


def test_a_second_build_downloads_nothing_and_compiles_what_changed(sandbox):
    built(sandbox, APP, app="go")
    changed = {**APP, "main.go": APP["main.go"].replace("Hello", "Hi")}
    made = built(sandbox, changed, app="go")
    assert "downloading" not in made.output
    assert "Installing Go" not in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"Hi from Go\n"


def test_vendored_modules_are_not_downloaded(sandbox):
    library = {
        "vendor/modules.txt": "# example.com/lib v1.0.0\n## explicit; go 1.20\nexample.com/lib\n",
        "vendor/example.com/lib/lib.go": 'package lib\n\nconst Text = "vendored"\n',
    }
    main = PLAIN.replace('"os"\n', '"os"\n\n\t"example.com/lib"\n').replace('"%s"', "lib.Text")
    mod = MOD + "\nrequire example.com/lib v1.0.0\n"
    made = built(sandbox, {"go.mod": mod, "main.go": main, **library})
    assert "downloading" not in made.output
    with sandbox.serving(made) as site:
        assert site.get().body == b"vendored"
    message, hint = failed(
        sandbox, {"go.mod": mod.replace("v1.0.0", "v1.1.0"), "main.go": main, **library}
    )
    assert message == "vendor/ does not fit go.mod"
    assert "go mod vendor" in hint


def test_every_command_is_built_and_the_web_one_is_started(sandbox):
    files = {
        "go.mod": MOD,
        "cmd/web/main.go": PLAIN % "web",
        "cmd/worker/main.go": PLAIN % "worker",
        "cmd/shared/shared.go": "package shared\n",
        "tools/tool.go": PLAIN % "tool",
    }
    made = built(sandbox, files)
    assert sorted(path.name for path in (made.app / "bin").iterdir()) == ["web", "worker"]
    assert made.build["processes"] == {"web": "bin/web"}
    one = built(sandbox, files, config={"GO_INSTALL_PACKAGE_SPEC": "./tools ./cmd/worker"})
    assert sorted(path.name for path in (one.app / "bin").iterdir()) == ["tools", "worker"]
    assert one.build["processes"] == {}
    assert "so write a Procfile, such as: web: bin/tools" in one.output


def test_a_workspace_of_modules_is_built_as_one(sandbox):
    files = {
        "go.work": "go 1.25.0\n\nuse (\n\t./api\n\t./text\n)\n",
        "api/go.mod": "module example.com/api\n\ngo 1.25.0\n",
        "api/main.go": PLAIN.replace('"os"\n', '"os"\n\n\t"example.com/text"\n').replace(
            '"%s"', "text.Hello"
        ),
        "text/go.mod": "module example.com/text\n\ngo 1.25.0\n",
        "text/text.go": 'package text\n\nconst Hello = "from the workspace"\n',
    }
    made = built(sandbox, files)
    with sandbox.serving(made) as site:
        assert site.get().body == b"from the workspace"


def test_a_program_with_c_of_its_own_is_linked_with_the_stacks_libraries(sandbox):
    made = built(sandbox, {**HELLO, "square.go": SQUARE})
    assert not program(made, "plain")
    with sandbox.serving(made) as site:
        assert site.get().body == b"hello"


def test_tags_and_linker_flags_are_settings(sandbox):
    tagged = '//go:build special\n\npackage main\n\nfunc init() { text = "tagged" }\n'
    main = PLAIN.replace("func main", 'var text = "plain"\n\nfunc main').replace('"%s"', "text")
    files = {"go.mod": MOD, "main.go": main, "special.go": tagged}
    made = built(sandbox, files, config={"GO_TAGS": "special"})
    with sandbox.serving(made) as site:
        assert site.get().body == b"tagged"
    made = built(sandbox, files, config={"GO_LDFLAGS": "-X main.text=linked"})
    with sandbox.serving(made) as site:
        assert site.get().body == b"linked"


@pytest.mark.parametrize(
    ("lines", "config", "runtime"),
    [
        ("go 1.25.0", {}, "1.25.0+"),
        ("go 1.24\n\ntoolchain go1.24.6", {}, "1.24.6+"),
        ("go 1.16", {}, "stable"),
        ("", {}, "stable"),
        ("go 1.25rc1", {}, "1.25rc1"),
        ("go 1.25.0", {"GOTOOLCHAIN": "go1.26.2"}, "1.26.2"),
        ("go 1.25.0", {"GOTOOLCHAIN": "local"}, "1.25.0+"),
        ("go 1.25.0", {"GOVERSION": "go1.26"}, "1.26+"),
    ],
)
def test_the_version_is_what_the_module_asks_for(sandbox, lines, config, runtime):
    files = {"go.mod": f"module example.com/x\n\n{lines}\n", "main.go": PLAIN % "x"}
    folders = {"config": sandbox.config(config), "cache": sandbox.fresh("cache")}
    assert sandbox.planned(files, **folders)[0]["runtime"] == runtime


@pytest.mark.heavy
def test_a_version_that_is_packaged_nowhere_comes_from_the_module_proxy(sandbox):
    files = {**HELLO, "go.mod": MOD.replace("1.25.0", "1.24.0")}
    made = built(sandbox, files, config={"GOTOOLCHAIN": "go1.24.5"})
    assert "Building with Go 1.24.5 (from GOTOOLCHAIN)" in made.output


BAD = {
    "no module": ({"main.go": PLAIN % "x"}, "there are Go files, but no go.mod", "go mod init"),
    "dep": (
        {"main.go": PLAIN % "x", "Gopkg.lock": ""},
        "Gopkg.lock is of dep, which Go no longer knows; there is no go.mod",
        "go mod init",
    ),
    "no main": (
        {"go.mod": MOD, "lib.go": "package lib\n"},
        "there is no main package, so nothing to run",
        "`package main`",
    ),
    "several mains": (
        {"go.mod": MOD, "a/a.go": PLAIN % "a", "b/b.go": PLAIN % "b"},
        "there are several main packages: ./a, ./b",
        "GO_INSTALL_PACKAGE_SPEC=./a",
    ),
    "no func main": (
        {"go.mod": MOD, "main.go": "package main\n"},
        "a package main has no func main()",
        "add one",
    ),
    "module not named": (
        {"go.mod": MOD, "main.go": APP["main.go"]},
        "go.mod names no module with the package github.com/go-chi/chi/v5",
        "go mod tidy",
    ),
    "no sum": (
        {name: text for name, text in APP.items() if name != "go.sum"},
        "go.sum has no entry for github.com/go-chi/chi/v5",
        "go mod tidy",
    ),
    "wrong sum": (
        {**APP, "go.sum": APP["go.sum"].replace("h1:WQ", "h1:XX")},
        "a module is not what go.sum was made with",
        "go mod tidy",
    ),
    "no such release": (
        {name: text.replace("v5.2.3", "v5.99.0") for name, text in APP.items()},
        "there is no module github.com/go-chi/chi/v5@v5.99.0",
        "go.mod",
    ),
    "a broken go.mod": (
        {**HELLO, "go.mod": MOD + "requires example.com/x v1\n"},
        "go.mod cannot be read: line 4: unknown directive: requires",
        "correct that line",
    ),
    "a version that is none": (
        {**HELLO, "go.mod": "module x\n\ngo latest\n"},
        "go.mod asks for Go 'latest', which is not a version of Go",
        "go 1.25.0",
    ),
    "a missing header": (
        {**HELLO, "vips.go": 'package main\n\n// #include <vips/vips.h>\nimport "C"\n\n'
                             "var _ = C.VIPS_MAJOR_VERSION\n"},
        "the header vips/vips.h of a system library is missing",
        "Aptfile with the line: libvips-dev",
    ),
    "a missing pkg-config module": (
        {**HELLO, "vips.go": 'package main\n\n// #cgo pkg-config: vips\nimport "C"\n'},
        "the system library vips is missing",
        "Aptfile with the line: libvips-dev",
    ),
    "a syntax error": (
        {**HELLO, "more.go": "package main\n\nfunc oops( {\n"},
        "the app does not compile: ./more.go:3:12: ",
        "see the lines above",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_its_remedy(sandbox, case):
    files, message, hint = BAD[case]
    said = failed(sandbox, files)
    assert said[0].startswith(message)
    assert hint in said[1]


@pytest.mark.heavy
def test_a_go_that_does_not_exist_is_named(sandbox):
    message, hint = failed(sandbox, {**HELLO, "go.mod": "module x\n\ngo 1.25.99\n"})
    assert message == "there is no Go 1.25.99"
    assert "go.dev/dl" in hint
