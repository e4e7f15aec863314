"""Heroku's buildpack API, to the letter, with packs as other people write them."""

import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.buildpacks import mirror
from tests.buildpacks.sandbox import REPOSITORY, packed

VENDORED = REPOSITORY / "tests" / "packs" / "vendored"
PROCFILE = {"Procfile": "web: x\n"}


NOTE = """
note=$1/note
{
    printf 'argc=%s\\n' "$#"
    printf 'build=%s\\ncache=%s\\nenv=%s\\ncwd=%s\\nself=%s\\n' "$1" "$2" "$3" "$PWD" "$0"
    printf 'app=%s\\n' "$(ls -A /app | tr '\\n' ' ')"
    /usr/bin/env | sort | sed 's/^/var /'
} > "$note"
"""


def noted(built, name: str = "note") -> dict[str, str]:
    assert built.status == 0, built.output
    lines = (built.app / name).read_text().splitlines()
    return dict(line.removeprefix("var ").split("=", 1) for line in lines)


# -- what programs are given -------------------------------------------------------------


@pytest.mark.parametrize("apart", [True, False])
def test_compile_gets_its_three_directories_and_runs_in_the_packs_own(sandbox, pack, apart):
    built = sandbox.build(PROCFILE, buildpacks=[pack(compile=NOTE)], apart=apart)
    note = noted(built)
    assert note["argc"] == "3"
    assert note["build"] == ("/build/build_01234567" if apart else "/app")
    assert note["cwd"] == note["self"].removesuffix("/bin/compile") == "/tmp/buildpacks/0"
    assert (note["cache"], note["env"]) == ("/cache/packs", "/config")


def test_the_environment_is_the_platforms_and_config_vars_are_only_files(sandbox, pack):
    reads = NOTE + '\ncp "$3"/* "$1/"'
    config = {"TOKEN": "s3cret", "LINES": "one\ntwo\n", "SPACED": " a  b ", "PATH": "/evil"}
    built = sandbox.build(PROCFILE, buildpacks=[pack(compile=reads)], config=config, apart=True)
    note = noted(built)
    assert note["STACK"] == "heroku-24"
    assert note["SOURCE_VERSION"] == "0" * 40
    assert note["HOME"] == "/app"
    assert len(note["REQUEST_ID"]) == 36
    assert note["PATH"] == "/usr/local/bin:/usr/bin:/bin"
    assert not {"TOKEN", "LINES", "GIT_DIR"} & note.keys()
    for name, value in config.items():
        assert (built.app / name).read_text() == value


def test_the_apps_own_place_is_empty_while_it_is_built_elsewhere(sandbox, pack):
    builds = NOTE + (
        'mkdir -p /app/.heroku/tool "$1/.heroku" && echo x > /app/.heroku/tool/x\n'
        'cp -R /app/.heroku/tool "$1/.heroku/" && ln -s "$1/note" /app/link\n'
    )
    built = sandbox.build(
        {**PROCFILE, "a/b.txt": "b"}, buildpacks=[pack(compile=builds)], apart=True
    )
    assert noted(built)["app"] == ""
    assert (built.app / ".heroku/tool/x").read_text() == "x\n"
    assert (built.app / "a/b.txt").read_text() == "b"
    assert not (built.app / "link").is_symlink()
    assert not any((built.app.parent / "build").iterdir())


def test_names_with_spaces_and_newlines_and_binary_files_pass_through(sandbox, pack):
    data = bytes(range(256)) * 40
    names = {
        "a b/c d.bin": data,
        "new\nline": b"x",
        "-rf": b"y",
        "ü\t*": b"z",
        "run.sh": b"#!/bin/sh\n",
    }
    copies = 'mkdir "$1/copy"; tar -C "$1" --exclude ./copy -cf - . | tar -C "$1/copy" -xf -'
    archive = packed({**names, "Procfile": b"web: x\n"})
    built = sandbox.build({}, archive=archive, buildpacks=[pack(compile=copies)], apart=True)
    assert built.status == 0, built.output
    for place in (built.app, built.app / "copy"):
        for name, expected in names.items():
            assert (place / name).read_bytes() == expected
        assert os.access(place / "run.sh", os.X_OK)


def test_programs_without_their_executable_bit_are_run_all_the_same(sandbox, pack):
    root = pack(compile='"$PWD/bin/helper" > "$1/said"', helper="#!/bin/sh\necho helped\n")
    for program in (root / "bin").iterdir():
        program.chmod(0o644)
    built = sandbox.build(PROCFILE, buildpacks=[root])
    assert (built.app / "said").read_text() == "helped\n"


def test_a_compile_in_any_language_will_do(sandbox, pack):
    script = "#!/usr/bin/env python3\nimport sys\nopen(sys.argv[1] + '/made', 'w').write('py')\n"
    built = sandbox.build(PROCFILE, buildpacks=[pack(compile=script)], apart=True)
    assert (built.app / "made").read_text() == "py"


def test_the_cache_is_kept_from_build_to_build_and_is_the_apps_own(sandbox, pack):
    counts = 'echo x >> "$2/count"; wc -l < "$2/count" | tee "$1/count"'
    root = pack(compile=counts)
    for expected in ("1", "2", "3"):
        built = sandbox.build(PROCFILE, buildpacks=[root], app="cached", apart=True)
        assert (built.app / "count").read_text().strip() == expected
    other = sandbox.build(PROCFILE, buildpacks=[root], app="another", apart=True)
    assert (other.app / "count").read_text().strip() == "1"


def test_what_a_pack_writes_beside_itself_is_gone_in_the_next_build(sandbox, pack):
    writes = (
        '[ ! -e mark ]; touch mark bin/more; rm -r lib; [ ! -w /packs/0 ]; echo fresh > "$1/said"'
    )
    root = pack(compile=writes, files={"lib/a.sh": "x"})
    for _ in range(2):
        built = sandbox.build(PROCFILE, buildpacks=[root], app="writer", apart=True)
        assert built.status == 0, built.output
    assert not list(built.app.parent.glob("packs/*"))


# -- detect ----------------------------------------------------------------------------


def test_what_detect_prints_is_the_apps_kind(sandbox, pack):
    root = pack(
        detect="#!/bin/sh\n[ -d \"$1\" ] && [ $# = 1 ] && echo 'Hello Framework'\n", compile=""
    )
    assert (
        "-----> Hello Framework app detected\n" in sandbox.build(PROCFILE, buildpacks=[root]).output
    )


def test_a_pack_that_does_not_detect_fails_the_build_before_anything_is_compiled(sandbox, pack):
    no = pack("no", detect="#!/bin/sh\nexit 1\n", compile="")
    failed = sandbox.build(PROCFILE, buildpacks=[no, pack(compile="echo compiled")])
    assert failed.status == 1
    assert failed.error["message"] == "the no buildpack was chosen, but does not fit"
    assert "compiled" not in failed.output


def test_a_pack_sees_the_app_as_the_pack_before_it_left_it(sandbox, pack):
    moves = pack("moves", compile='mv "$1"/inner/* "$1/"')
    looks = pack("looks", detect='#!/bin/sh\n[ -f "$1/here.txt" ] && echo Here\n', compile="")
    built = sandbox.build(
        {"inner/here.txt": "x", "inner/Procfile": "web: x\n"}, buildpacks=[moves, looks]
    )
    assert built.status == 0, built.output
    assert "-----> Here app detected" in built.output
    assert built.build["procfile"] == "web: x\n"


# -- how it ends ---------------------------------------------------------------------------


def test_a_compile_that_fails_is_named_with_its_status(sandbox, pack):
    failed = sandbox.build(PROCFILE, buildpacks=[pack("bad", compile="echo 'no luck' >&2; exit 7")])
    assert failed.status == 1
    assert "no luck\n" in failed.output
    assert failed.error["message"] == "the bad buildpack's compile failed with status 7"


def test_a_release_that_fails_fails_the_build(sandbox, pack):
    failed = sandbox.build(PROCFILE, buildpacks=[pack(compile="", release="exit 3")])
    assert failed.error["message"] == "the other buildpack's release failed with status 3"


def test_a_release_of_bad_yaml_is_told(sandbox, pack):
    failed = sandbox.build(PROCFILE, buildpacks=[pack(compile="", release="echo '{a: ['")])
    assert "release printed bad YAML" in failed.error["message"]


def test_reports_are_kept_and_a_failing_one_stops_nothing(sandbox, pack):
    good = pack("good", compile="", report="printf 'version: \"1.2\"\\nsteps: 3\\nlist: [1]\\n'")
    bad = pack("bad", compile="", report="echo 'x: 1'; exit 1")
    built = sandbox.build(PROCFILE, buildpacks=[good, bad])
    assert built.build["reports"] == {"good": {"version": "1.2", "steps": "3"}}


def test_output_comes_as_the_pack_wrote_it(sandbox, pack):
    says = "echo '-----> Head'; echo '       detail'; printf 'no end'; exec >&2; echo"
    built = sandbox.build(PROCFILE, buildpacks=[pack(compile=says)])
    assert "-----> Head\n       detail\nno end\n" in built.output


@pytest.mark.parametrize(
    "way",
    [
        "sleep 600 &",
        "setsid sleep 600 >/dev/null 2>&1 & disown",
        "(setsid bash -c 'trap \"\" TERM; sleep 600; sleep 600' &) &",
    ],
)
def test_what_a_pack_leaves_running_is_ended_before_the_next_one(sandbox, pack, way):
    first = pack("leaves", compile=f"{way}\nsleep 0.2")
    looks = pack("looks", compile="! grep -l sleep /proc/[0-9]*/comm")
    began = time.monotonic()
    built = sandbox.build(PROCFILE, buildpacks=[first, looks])
    assert built.status == 0, built.output
    assert time.monotonic() - began < 300


def test_indenting_in_the_background_is_waited_for(sandbox, pack):
    says = (
        'exec > >(sleep 0.2; while read -r line; do echo "       $line"; done)\n'
        "for n in 1 2 3; do echo line $n; done"
    )
    assert "       line 3\n" in sandbox.build(PROCFILE, buildpacks=[pack(compile=says)]).output


# -- a pack as they are -----------------------------------------------------------------


@pytest.fixture
def archive_server(tmp_path: Path) -> Iterator[str]:
    """Serves the archive of a tool; its address."""
    tool = tmp_path / "tool-1.0"
    (tool / "bin").mkdir(parents=True)
    script = (
        '#!/bin/sh\n[ "$1" = serve ] || exec echo "tool is fine"\n'
        'exec python3 -m http.server "$PORT"\n'
    )
    (tool / "bin/tool").write_text(script)
    served = tmp_path / "served"
    served.mkdir()
    with tarfile.open(served / "tool.tar.gz", "w:gz") as archive:
        archive.add(tool, "tool-1.0")
    with mirror.serving(served) as address:
        yield f"{address}/tool.tar.gz"


@pytest.mark.parametrize("apart", [True, False])
def test_a_pack_written_for_heroku_runs_unmodified(sandbox, archive_server, apart):
    files = {"vendor.json": json.dumps({"name": "tool", "version": "1.0"}), "index.html": "hello"}
    config = {"VENDOR_URL": archive_server, "SECRET": "x"}
    app = f"vendored-{apart}"
    built = sandbox.build(files, buildpacks=[VENDORED], config=config, app=app, apart=apart)
    assert built.status == 0, built.output
    assert "-----> Vendored app detected" in built.output
    assert "-----> Installing tool 1.0 for heroku-24\n       Downloading" in built.output
    assert "       tool is fine\n" in built.output
    assert built.build["processes"] == {"web": "tool serve", "console": "tool --check"}
    assert built.build["environment"]["VENDORED"] == "yes"
    assert built.build["reports"] == {
        "vendored": {"vendored_version": "1.0", "vendored_cached": "True"}
    }
    with sandbox.serving(built) as site:
        assert site.get("/").body == b"hello"
    gone = {**config, "VENDOR_URL": "http://127.0.0.1:9/gone"}
    again = sandbox.build(files, buildpacks=[VENDORED], config=gone, app=app, apart=apart)
    assert again.status == 0, again.output
    assert "Using the cached archive" in again.output


# -- and outside of a build ----------------------------------------------------------------


def test_our_own_packs_keep_the_contract_too(tmp_path):
    """bin/detect and bin/release of ours, run as programs on the host's own Python."""
    (tmp_path / "Procfile").write_text("web: x\n")
    root = REPOSITORY / "buildpacks" / "procfile" / "bin"
    found = subprocess.run([root / "detect", tmp_path], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "Procfile\n")
    released = subprocess.run([root / "release", tmp_path], capture_output=True, text=True)
    assert json.loads(released.stdout) == {"default_process_types": {}}
