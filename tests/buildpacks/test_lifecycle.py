import io
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from tests.buildpacks.sandbox import APPS, LIFECYCLE, REPOSITORY, files_of, packed

sys.path.insert(0, str(REPOSITORY / "buildpacks"))

from lifecycle import misspelt, natives, slugignore, unpack
from lifecycle.say import Failure

# -- choosing ------------------------------------------------------------------------------


def test_a_procfile_is_enough(sandbox):
    built = sandbox.build(APPS / "procfile-only")
    assert built.status == 0
    assert built.build["procfile"].startswith("web: python3 -m http.server")
    with sandbox.serving(built, 'python3 -m http.server "$PORT"') as site:
        assert site.get("/hello.txt").body == b"Hello from a Procfile\n"


def test_an_app_of_several_process_types_is_built_once(sandbox):
    built = sandbox.build(APPS / "web-worker")
    assert built.build["procfile"].count("\n") == 3
    with sandbox.serving(built, "python3 -u web.py") as site:
        assert site.get().body == b"Hello from web\n"


def test_when_nothing_fits_the_error_says_what_would(sandbox):
    failed = sandbox.build({"readme.txt": "hello"})
    assert failed.status == 1
    assert failed.error["message"] == "no buildpack fits this app"
    for word in ("requirements.txt", "package.json", "index.html", "Procfile"):
        assert word in failed.error["hint"]


def test_python_comes_before_node_and_both_can_be_chosen(sandbox):
    both = {
        **{name: data.decode() for name, data in files_of(APPS / "flask").items()},
        "package.json": json.dumps({"name": "x", "scripts": {"build": "echo made > made.txt"}}),
    }
    assert sandbox.build(both).build["buildpacks"] == ["python"]
    built = sandbox.build(both, buildpacks=["nodejs", "python"])
    assert built.status == 0, built.output
    assert built.build["buildpacks"] == ["nodejs", "python"]
    assert (built.app / "made.txt").read_text() == "made\n"
    path = built.build["environment"]["PATH"].split(":")
    assert path.index("/app/.venv/bin") < path.index("/app/.heroku/node/bin")
    with sandbox.serving(built) as site:
        assert site.get().status == 200


def test_a_buildpack_that_is_not_there_is_refused(sandbox):
    failed = sandbox.build({"Procfile": "web: x\n"}, buildpacks=["lifecycle"])
    assert failed.status == 1
    assert failed.error["message"] == "there is no buildpack named lifecycle"


def test_a_chosen_buildpack_that_does_not_fit_says_what_it_looks_for(sandbox):
    failed = sandbox.build({"Procfile": "web: x\n"}, buildpacks=["nodejs"])
    assert failed.error["message"] == (
        "the nodejs buildpack was chosen, but does not fit: it looks for package.json"
    )


def test_a_plan_that_changed_is_told_before_anything_is_compiled(sandbox):
    archive = packed(files_of(APPS / "flask"))
    have = ["--have", json.dumps([{"name": "dependencies", "pack": "python", "provides": []}])]
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    done = sandbox.run([*LIFECYCLE, "build", *have], [], archive, **folders)
    assert done.status == 10
    assert "build" not in done.results
    assert not list((done.upper / "app").glob("__pycache__"))


# -- unpacking -----------------------------------------------------------------------------


def tar(*members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, fields in members:
            member = tarfile.TarInfo(name)
            data = fields.pop("data", b"")
            member.size = len(data)
            for key, value in fields.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def unpacked(archive, target):
    return unpack.unpack(io.BytesIO(archive), str(target))


def test_files_folders_links_and_modes_arrive(tmp_path):
    long = "a" * 60 + "/" + "b" * 90 + "/" + "ü" * 40
    count = unpacked(
        tar(
            ("run.sh", {"data": b"#!", "mode": 0o775, "mtime": 1_700_000_000}),
            ("folder", {"type": tarfile.DIRTYPE}),
            ("folder/link", {"type": tarfile.SYMTYPE, "linkname": "../run.sh"}),
            (long, {"data": b"x" * 1000}),
        ),
        tmp_path,
    )
    assert count == 3
    assert (tmp_path / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "run.sh").stat().st_mtime == 1_700_000_000
    assert (tmp_path / "folder/link").readlink() == Path("../run.sh")
    assert (tmp_path / long).read_bytes() == b"x" * 1000


def test_what_gnu_tar_writes_is_read_too(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("./" + "n" * 150 + "/file")
        archive.addfile(member)
    unpacked(buffer.getvalue(), tmp_path)
    assert (tmp_path / ("n" * 150) / "file").exists()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../up", {})], "the source has a file with the path '../up'"),
        ([("/etc/passwd", {})], "the source has a file with the path '/etc/passwd'"),
        ([("a/../../b", {})], "the source has a file with the path 'a/../../b'"),
        ([("a", {"type": tarfile.SYMTYPE, "linkname": "/etc"})], "the symbolic link a points"),
        (
            [("a/b", {"type": tarfile.SYMTYPE, "linkname": "../../c"})],
            "the symbolic link a/b points outside",
        ),
        ([("a", {}), ("b", {"type": tarfile.LNKTYPE, "linkname": "a"})], "b is a hard link"),
        ([("dev", {"type": tarfile.CHRTYPE})], "dev is a device"),
        ([("pipe", {"type": tarfile.FIFOTYPE})], "pipe is a named pipe"),
        (
            [("a", {"type": tarfile.SYMTYPE, "linkname": "b"}), ("a/x", {})],
            "a is both a folder and something else",
        ),
        ([("a", {}), ("a/x", {})], "a is both a folder and something else"),
        ([("a/x", {}), ("a", {})], "a is both a folder and something else"),
    ],
)  # fmt: skip
def test_a_hostile_archive_is_refused_by_name(tmp_path, members, message):
    with pytest.raises(Failure) as caught:
        unpacked(tar(*members), tmp_path / "in")
    assert caught.value.message.startswith(message)
    assert os.listdir(tmp_path) in (["in"], [])


@pytest.fixture(autouse=True)
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    yield
    if (tmp_path / "in").exists() and not os.listdir(tmp_path / "in"):
        (tmp_path / "in").rmdir()


def test_a_link_that_is_replaced_is_not_followed(tmp_path):
    members = (
        ("a", {"type": tarfile.SYMTYPE, "linkname": "b"}),
        ("a", {"data": b"new"}),
    )
    unpacked(tar(*members), tmp_path / "in")
    assert not (tmp_path / "in/b").exists()
    assert (tmp_path / "in/a").read_bytes() == b"new"


@pytest.mark.parametrize("cut", [0, 100, 512, 700])
def test_an_archive_that_ends_early_is_refused(tmp_path, cut):
    with pytest.raises(Failure, match="ended early"):
        unpacked(tar(("a", {"data": b"x" * 600}))[:cut], tmp_path / "in")


def test_what_is_no_archive_is_refused(tmp_path):
    with pytest.raises(Failure, match="not a tar archive"):
        unpacked(b"PK" + b"\x01" * 2000, tmp_path / "in")


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_ENTRIES", 3)
    monkeypatch.setattr(unpack, "MAX_BYTES", 1000)
    with pytest.raises(Failure, match="more than 3 files"):
        unpacked(tar(*((f"f{n}", {}) for n in range(4))), tmp_path / "in")
    with pytest.raises(Failure, match="larger than 0 MiB"):
        unpacked(tar(("big", {"data": b"x" * 1001})), tmp_path / "in")


def test_a_link_out_of_the_tree_fails_a_real_build_with_its_name(sandbox):
    archive = packed({"Procfile": b"web: x\n"}, {"config/keys": "../../etc/shadow"})
    failed = sandbox.build({}, archive=archive)
    assert failed.status == 1
    assert failed.error["message"] == (
        "the symbolic link config/keys points outside the repository (../../etc/shadow)"
    )


# -- .slugignore ---------------------------------------------------------------------------


def test_slugignore_leaves_files_out_as_gitignore_would(tmp_path):
    names = [
        "Procfile", "tests/a.py", "src/tests/b.py", "docs/x.md", "docs/keep/y.txt", "src/docs/z.md",
        "logo.psd", "art/deep/big.psd", "a[1].txt", "build/out", "src/build", "one.tmp", "two.tmp",
    ]  # fmt: skip
    for name in names:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    rules = "# not needed\n\n*.psd\ntests/\n/docs/*.md\n!logo.psd\nbuild/\n**/deep\n[ot]??.tmp\n"
    (tmp_path / "in/.slugignore").write_text(rules)
    slugignore.apply(str(tmp_path / "in"))
    left = {
        str(path.relative_to(tmp_path / "in"))
        for path in (tmp_path / "in").rglob("*")
        if path.is_file()
    }
    assert left == {
        ".slugignore", "Procfile", "docs/keep/y.txt", "src/docs/z.md", "a[1].txt", "src/build",
    }  # fmt: skip


def test_slugignore_works_in_a_build(sandbox):
    files = {"Procfile": "web: x\n", "film.mov": "x" * 100, ".slugignore": "*.mov\n"}
    built = sandbox.build(files)
    assert ".slugignore left out 1" in built.output
    assert not (built.app / "film.mov").exists()


def test_a_file_nested_too_deeply_is_no_traceback(sandbox):
    failed = sandbox.build({"package.json": "[" * 200_000})
    assert failed.status == 1
    assert "Traceback" not in failed.output
    assert "nested too deeply" in failed.error["message"]


def test_what_was_said_on_the_first_pass_is_not_said_again(sandbox):
    files = {**{n: d.decode() for n, d in files_of(APPS / "flask").items()}, ".slugignore": "x\n"}
    built = sandbox.build({**files, "x": ""})
    assert built.output.count("Python app detected") == 1
    assert built.output.count(".slugignore left out") == 1


# -- system libraries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "message", "package"),
    [
        (
            "native.c:1:10: fatal error: libpq-fe.h: No such file or directory",
            "the header libpq-fe.h of a system library is missing",
            "libpq-dev",
        ),
        (
            "/usr/bin/ld: cannot find -lpcap: No such file or directory",
            "the system library pcap is missing",
            "libpcap-dev",
        ),
        (
            "Package vips was not found in the pkg-config search path.",
            "the system library vips is missing",
            "libvips-dev",
        ),
        (
            "Package 'libzmq', required by 'virtual:world', not found",
            "the system library libzmq is missing",
            "libzmq3-dev",
        ),
        ("Error: pg_config executable not found.", "the program pg_config is missing", "libpq-dev"),
        (
            '../cairo/meson.build:31:12: ERROR: Dependency "cairo" not found (tried pkg-config)',
            "the system library cairo is missing",
            "libcairo2-dev",
        ),
        (
            "Command 'pkg-config --exists mysqlclient' returned non-zero exit status 1.",
            "the system library mysqlclient is missing",
            "default-libmysqlclient-dev",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: 'gdal-config'",
            "the program gdal-config is missing",
            "libgdal-dev",
        ),
        ("is `cmake` not installed?", "the program cmake is missing", "cmake"),
        (
            "Could not find `protoc`. If `protoc` is installed",
            "the program protoc is missing",
            "protobuf-compiler",
        ),
    ],
)
def test_what_a_compiler_misses_is_named_with_its_debian_package(said, message, package):
    failure = natives.missing(f"checking\n{said}\nfailed\n")
    assert failure.message == message
    assert failure.hint == f"add a file named Aptfile with the line: {package}"


def test_every_debian_package_that_is_advised_exists(sandbox):
    folders = {"config": sandbox.fresh("config"), "cache": sandbox.fresh("cache")}
    argv = ["apt-cache", "-o", "Dir::Cache=/tmp", "pkgnames"]
    existing = set(sandbox.run(argv, [], **folders).output.split())
    assert set(natives.table().values()) - existing == set()


# -- names that are nearly right ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("requirement.txt", "requirements.txt"),
        ("Requirements.txt", "requirements.txt"),
        ("requirments.txt", "requirements.txt"),
        ("requirements.txt.txt", "requirements.txt"),
        ("packagejson", "package.json"),
        ("Package.json", "package.json"),
        ("procfile", "Procfile"),
        ("ProcFile", "Procfile"),
        ("Procfile.txt", "Procfile"),
        ("pipfile", "Pipfile"),
        ("gemfile", "Gemfile"),
        ("go.mod.txt", "go.mod"),
        ("cargo.toml", "Cargo.toml"),
        ("Index.html", "index.html"),
    ],
)
def test_a_misspelt_manifest_is_named_where_nothing_fits(tmp_path, name, meant):
    (tmp_path / "in" / name).write_text("x")
    assert misspelt.slips(str(tmp_path / "in")) == [(name, meant)]
    assert f"git mv {name} {meant}" in misspelt.guess(str(tmp_path / "in"))


@pytest.mark.parametrize(
    "name",
    ["requirements-dev.txt", "requirements.in", "main.go", "packages.json5", "README.md",
     "package.json.template.js", "Procfile.dev", "app.py", "docker-compose.yml", "index.js",
     "manager.py", "apps.json", "app.json.example", "CHECKSUMS"],
)  # fmt: skip
def test_ordinary_names_are_no_slips(tmp_path, name):
    (tmp_path / "in" / name).write_text("x")
    assert misspelt.slips(str(tmp_path / "in")) == []


def test_nothing_is_a_slip_beside_the_right_name(tmp_path):
    for name in ("requirements.txt", "Requirements.txt", "Procfile", "procfile"):
        (tmp_path / "in" / name).write_text("x")
    assert misspelt.slips(str(tmp_path / "in")) == []


def test_where_nothing_fits_the_likeliest_cause_comes_first(sandbox):
    failed = sandbox.build({"requirement.txt": "flask\n", "app.py": ""})
    assert failed.error["hint"].startswith(
        "requirement.txt should probably be called requirements.txt"
    )
    failed = sandbox.build({"services/web/package.json": "{}", "README.md": ""})
    assert failed.error["hint"].startswith(
        "there is an app in services/web/: paas builder:set <app> build-dir services/web"
    )
    failed = sandbox.build({"app.py": "", "README.md": ""})
    assert failed.error["hint"].startswith("there are Python files: name what they need in")
    failed = sandbox.build({"bin/compile": "#!/bin/sh\n"})
    assert "paas buildpacks:set <app> inline" in failed.error["hint"]


def test_a_file_that_is_passed_over_is_told_though_the_app_is_built(sandbox):
    built = sandbox.build({"index.html": "x", "procfile": "web: x\n"})
    assert built.status == 0
    assert " !     procfile is not read: what is read is called Procfile\n" in built.output


def test_an_aptfile_that_nobody_reads_is_told(sandbox):
    built = sandbox.build({"Procfile": "web: x\n", "Aptfile": "x\n"}, buildpacks=["procfile"])
    assert " !     the Aptfile is not read" in built.output
