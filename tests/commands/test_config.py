import base64
import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from paas.commands.table import dispatch
from paas.console import Console
from paas.errors import PaasError
from paas.model.app import App
from paas.platform import Platform
from tests.commands.conftest import ADMIN, Admin, Recorder, deploy

TRICKY = {
    "PLAIN": "value",
    "SPACES": "two words",
    "LINES": "first\nsecond\n",
    "QUOTES": """it's "so" `id` $HOME \\n""",
    "EMPTY": "",
    "UNICODE": "grüße ☃",
}


@pytest.fixture
def tricky(admin: Admin, blog: App) -> App:
    admin.ok("config:set", "blog", *(f"{key}={value}" for key, value in TRICKY.items()))
    return blog


def test_what_was_set_is_shown_and_got(admin: Admin, tricky: App):
    assert admin("config:show", "blog", "--format", "json").json() == dict(sorted(TRICKY.items()))
    for key, value in TRICKY.items():
        assert admin.ok("config:get", "blog", key) == value + "\n"
    assert "PLAIN:    value\n" in admin.ok("config:show", "blog")
    assert admin.ok("config:keys", "blog").split() == sorted(TRICKY)


def test_config_set_never_repeats_a_value(admin: Admin, blog: App):
    said = admin("config:set", "blog", "TOKEN=s3cret")
    assert "TOKEN" in said.out
    assert "s3cret" not in said.out + said.err


def test_a_change_is_deployed_with_the_callers_name(admin: Admin, blog: App, pipeline: Recorder):
    admin.ok("config:set", "blog", "A=1", "B=2")
    admin.ok("config:unset", "blog", "A")
    admin.ok("config:clear", "blog")
    assert pipeline.names() == ["redeploy"] * 3
    assert pipeline.calls[0][1][2:] == ("alice", "Set A, B")


def test_no_restart_only_stores(admin: Admin, blog: App, pipeline: Recorder):
    admin.ok("config:set", "--no-restart", "blog", "A=1")
    admin.ok("config:unset", "blog", "A", "--no-restart")
    admin.ok("config:set", "blog", "--no-restart", "B=1")
    admin.ok("config:clear", "--no-restart", "blog")
    assert pipeline.calls == []


def test_a_deploy_that_fails_says_what_holds_now(admin: Admin, blog: App, pipeline: Recorder):
    pipeline.answers["redeploy"] = PaasError("web.1 exited with code 3 before it was ready")
    said = admin.fails("config:set", "blog", "A=1")
    assert "the release before still serves" in said.err
    assert "web.1 exited with code 3" in said.err
    assert admin.ok("config:get", "blog", "A") == "1\n"


def test_one_bad_assignment_changes_nothing(admin: Admin, blog: App):
    for bad in ("noequals", "1BAD=x", "B-AD=x", "=x", "A B=x"):
        said = admin.fails("config:set", "blog", "GOOD=1", bad)
        assert said.status == 2
    assert admin("config:show", "blog", "--format", "json").json() == {}


def test_encoded_values_are_decoded_and_bad_ones_change_nothing(admin: Admin, blog: App):
    value = "-----BEGIN-----\nx y\n"
    admin.ok("config:set", "--encoded", "blog", f"KEY={base64.b64encode(value.encode()).decode()}")
    assert admin.ok("config:get", "blog", "KEY") == value + "\n"
    for bad in ("not base64!", base64.b64encode(b"\xff\xfe").decode(), "AA=="):
        said = admin.fails("config:set", "--encoded", "blog", "GOOD=aGk=", f"KEY={bad}")
        assert "value of KEY" in said.err
    assert admin("config:keys", "blog", "--format", "json").json() == ["KEY"]


def test_the_instances_config_is_under_the_apps(admin: Admin, blog: App):
    said = admin.ok("config:set", "--global", "SHARED=1", "BOTH=global")
    assert "next deploy" in said
    admin.ok("config:set", "blog", "BOTH=app")
    assert admin("config:show", "blog", "--merged", "--format", "json").json() == {
        "BOTH": "app",
        "SHARED": "1",
    }
    assert admin("config:keys", "--global", "--format", "json").json() == ["BOTH", "SHARED"]
    admin.ok("config:unset", "--global", "SHARED")
    assert admin.ok("config:get", "--global", "BOTH") == "global\n"


def test_a_variable_that_is_not_set_exits_1(admin: Admin, blog: App):
    said = admin.fails("config:get", "blog", "MISSING")
    assert (said.status, said.out) == (1, "")
    assert "Skipping MISSING" in admin.ok("config:unset", "blog", "MISSING")


def test_exports_are_read_back_by_a_real_shell(admin: Admin, tricky: App):
    text = admin.ok("config:export", "blog")
    program = text + "\nenv -0"
    done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, check=True, env={})
    found = dict(one.split("=", 1) for one in done.stdout.decode().split("\0") if "=" in one)
    assert {key: found[key] for key in TRICKY} == TRICKY


def test_the_single_line_form_is_read_back_by_a_real_shell(admin: Admin, tricky: App):
    text = admin.ok("config:export", "blog", "--format", "shell").strip()
    done = subprocess.run(
        ["/bin/sh", "-c", text + " /usr/bin/env -0"], capture_output=True, check=True, env={}
    )
    found = dict(one.split("=", 1) for one in done.stdout.decode().split("\0") if "=" in one)
    assert {key: found[key] for key in TRICKY} == TRICKY


def test_an_envfile_is_imported_as_it_was_exported(admin: Admin, tricky: App):
    text = admin.ok("config:export", "blog", "--envfile")
    admin.ok("apps:create", "copy")
    admin.ok("config:import", "copy", stdin=text.encode())
    assert admin("config:export", "copy", "--format", "json").json() == dict(sorted(TRICKY.items()))


def test_an_import_with_a_bad_line_changes_nothing(admin: Admin, blog: App):
    admin.ok("config:set", "blog", "OLD=1")
    said = admin.fails("config:import", "blog", stdin=b"# comment\nGOOD=1\n\nwhat is this\n")
    assert "line 4" in said.err
    assert "no variables" in admin.fails("config:import", "blog", stdin=b"").err
    assert admin.fails("config:import", "blog", stdin=b"A=\xff\n").status == 2
    assert admin.fails("config:import", "blog", stdin=b"A=x\0y\n").status == 2
    assert admin("config:export", "blog", "--format", "json").json() == {"OLD": "1"}
    admin.ok("config:import", "blog", "--replace", stdin=b"NEW=1\n")
    assert admin("config:export", "blog", "--format", "json").json() == {"NEW": "1"}


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("docker-args", "--env=A=1 --env='B=x y'"),
        ("docker-args-keys", "--env=A --env=B"),
        ("pack-keys", "--env A --env B"),
        ("envfile", 'A="1"\nB="x y"'),
        ("exports", "export A='1'\nexport B='x y'"),
        ("shell", "A='1' B='x y'"),
        ("json", '{"A": "1", "B": "x y"}'),
        ("json-list", json.dumps([{"name": "A", "value": "1"}, {"name": "B", "value": "x y"}])),
        ("pretty", "A:  1\nB:  x y"),
    ],
)
def test_every_export_format(admin: Admin, blog: App, format_: str, expected: str):
    admin.ok("config:set", "blog", "A=1", "B=x y")
    assert admin.ok("config:export", "blog", "--format", format_) == expected + "\n"


def test_an_unknown_format_is_refused_with_those_there_are(admin: Admin, blog: App):
    assert "docker-args" in admin.fails("config:export", "blog", "--format", "yaml").err


def test_quoted_get_is_for_shells(admin: Admin, blog: App):
    admin.ok("config:set", "blog", "A=it's")
    assert admin.ok("config:get", "--quoted", "blog", "A") == "'it'\\''s'\n"


def test_values_the_kernel_would_refuse_are_refused(admin: Admin, blog: App):
    assert "127 KiB" in admin.fails("config:set", "blog", "BIG=" + "x" * (128 << 10)).err
    for number in range(8):
        admin.ok("config:set", "blog", f"K{number}=" + "x" * (120 << 10))
    assert "1 MiB" in admin.fails("config:set", "blog", "LAST=" + "x" * (120 << 10)).err


# -- of builds alone -------------------------------------------------------------------------


def test_variables_of_builds_alone_are_apart_from_the_others(admin: Admin, blog: App):
    admin.ok("config:set", "blog", "MODE=run")
    admin.ok("config:set", "--build", "blog", "MODE=build", "TOKEN=abc")
    admin.ok("config:set", "--build", "--global", "SHARED=all")
    show = admin("config:show", "blog", "--build", "--format", "json").json()
    assert show == {"MODE": "build", "TOKEN": "abc"}
    assert admin("config:show", "blog", "--format", "json").json() == {"MODE": "run"}
    assert admin.ok("config:keys", "blog", "--build", "--merged") == "MODE\nSHARED\nTOKEN\n"
    assert admin.ok("config:get", "--build", "blog", "TOKEN") == "abc\n"
    admin.ok("config:import", "--build", "--replace", "blog", stdin=b"OTHER=1\n")
    admin.ok("config:unset", "blog", "OTHER")
    assert admin.ok("config:export", "--build", "blog", "--envfile") == 'OTHER="1"\n'
    admin.ok("config:clear", "--build", "blog")
    assert admin.ok("config:keys", "blog", "--build") == ""
    assert admin.ok("config:keys", "blog") == "MODE\n"


def test_a_change_for_builds_alone_makes_no_release(admin: Admin, blog: App):
    deploy(admin.platform, blog)
    admin.ok("config:set", "--build", "blog", "TOKEN=s3cret")
    assert len(admin("releases:list", "blog", "--format", "json").json()) == 1
    events = admin.ok("events")
    assert "Set TOKEN for builds" in events
    assert "s3cret" not in events


def test_a_bundle_has_a_file_for_each_variable(
    admin: Admin, platform: Platform, blog: App, tmp_path: Path
):
    admin.ok("config:set", "--global", "EVERYWHERE=yes")
    admin.ok("config:set", "blog", "--no-restart", "KEY=two\nlines")
    target = tmp_path / "env.tar"
    with Path(os.devnull).open() as nothing, target.open("wb") as file:
        console = Console(nothing.fileno(), file.fileno(), 2)
        assert dispatch(platform, ADMIN, ["config:bundle", "--merged", "blog"], console) == 0
    with tarfile.open(target) as tar:
        found = {one.name: (tar.extractfile(one) or file).read() for one in tar.getmembers()}
    assert found == {"EVERYWHERE": b"yes", "KEY": b"two\nlines"}
    assert admin.fails("config:bundle", "nobody").status == 20


def test_the_instances_variables_are_imported_too(admin: Admin, platform: Platform):
    said = admin.ok("config:import", "--global", stdin=b"A=1\nB='two words'\n")
    assert "next deploy" in said
    assert platform.store.config.get(None) == {"A": "1", "B": "two words"}
    admin.ok("config:import", "--global", "--replace", stdin=b"C=3\n")
    assert platform.store.config.get(None) == {"C": "3"}
