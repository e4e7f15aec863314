"""Every command, every place an argument goes, over the real door: refused or harmless."""

import time

import click
import pytest

from paas.commands.registry import Command, registry
from paas.commands.table import dispatch  # noqa: F401 - registers every command
from tests.attacks.door import Door
from tests.e2e.instance import Instance, Repository

HOSTILE = {
    "an option": "-x",
    "a long option": "--upload-pack=id",
    "metacharacters": "a;id|id&$(id)`id`>x",
    "a line end": "a\nb",
    "a NUL": "a\0b",
    "an escape": "\x1b]0;owned\x07",
    "a path up": "../../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "Unicode": "\uff41pp\u202e\ud800",
    "a format": "%s%n{0.__class__}{{7*7}}",
    "SQL": "' OR 1=1; DROP TABLE apps; --",
    "nothing": "",
    "a million": "A" * (1 << 20),
    "a number too large": "9" * 400,
}
# these end the instance's life, wait for ever or need no argument checked
LEFT_OUT = {"hook:pre-receive"}
GOOD = {"app": "victim", "name": "victim", "new_name": "other"}


def arguments(command: Command) -> list[click.Argument]:
    return [one for one in command.parameters if isinstance(one, click.Argument)]


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_command_takes_what_must_not_be_taken(
    platform: Instance, victim: Repository, words: Door, kind: str
):
    text = HOSTILE[kind]
    before = sorted(platform.json("apps:list"))
    for name, command in registry.items():
        if command.hidden or name in LEFT_OUT:
            continue
        for place, wanted in enumerate(arguments(command)):
            argv = [GOOD.get(str(one.name), "x") for one in arguments(command)[:place]]
            if wanted.name not in ("app", "name", "new_name", "domains", "keys", "key"):
                continue
            began = time.monotonic()
            said = words(name, *argv, "--", text, *(["x"] * 3))
            where = f"{name} {wanted.name} {kind}: {said.err[:300]}"
            assert said.status != 0, where
            assert "Traceback" not in said.err, where
            assert "a bug" not in said.err, where
            assert "\x1b" not in said.err + said.out, where
            assert len(said.err) < 3000, where
            assert time.monotonic() - began < 30, where
    assert sorted(platform.json("apps:list")) == before


@pytest.mark.parametrize(
    "argv",
    [
        ("resource:limit", "victim", "--memory", "nan"),
        ("resource:limit", "victim", "--memory", "-1"),
        ("resource:limit", "victim", "--memory", "1e400"),
        ("resource:limit", "victim", "--cpu", "nan"),
        ("resource:limit", "victim", "--cpu", "inf"),
        ("resource:limit", "victim", "--cpu", "-1"),
        ("resource:limit", "victim", "--pids", "0"),
        ("resource:limit", "victim", "--pids", "-5"),
        ("ps:scale", "victim", "web=-1"),
        ("ps:scale", "victim", "web=99999"),
        ("ps:scale", "victim", "../x=1"),
        ("ps:scale", "victim", "ghost=1"),
        ("enter", "victim", "../../x"),
        ("run:stop", "victim", "../../x"),
        ("logs", "victim", "-p", "../../x"),
        ("logs", "victim", "-n", "99999999999"),
        ("logs", "victim", "--since", "-1h"),
        ("releases:rollback", "victim", "v99999"),
        ("releases:rollback", "victim", "-1"),
        ("config:set", "--no-restart", "victim", "A\0B=x"),
        ("config:set", "--no-restart", "victim", "AB=x\0y"),
        ("config:set", "--no-restart", "victim", "A B=x"),
        ("config:set", "--no-restart", "victim", "=x"),
        ("config:set", "--no-restart", "victim", "BIG=" + "x" * (1 << 20)),
        ("config:set", "--no-restart", "victim", "HALF=\ud800"),
        ("buildpacks:set", "victim", "../../../tmp"),
        ("buildpacks:set", "victim", "ext::sh -c id"),
        ("buildpacks:set", "victim", "file:///etc"),
        ("buildpacks:set", "victim", "https://evil.example/pack.git#--upload-pack=id"),
        ("buildpacks:set", "victim", "-x"),
        ("git:set", "victim", "deploy-branch", "-x"),
        ("git:set", "victim", "deploy-branch", "a\nb"),
        ("checks:set", "victim", "path", "/x\r\nHost: evil"),
        ("apps:rename", "victim", "../x"),
        ("ssh-keys:add", "x\ny"),
        ("domains:add", "victim", "a\nserver { }"),
        ("domains:add", "victim", "x;}"),
        ("domains:add", "victim", "*"),
    ],
    ids=lambda argv: " ".join(argv)[:50].encode("ascii", "backslashreplace").decode(),
)
def test_a_value_out_of_bounds_is_refused_and_nothing_changes(
    platform: Instance, victim: Repository, words: Door, argv: tuple[str, ...]
):
    before = platform.ok("config:show", "victim") + platform.ok("ps:scale", "victim")
    said = words(*argv)
    assert said.status != 0, said
    assert "Traceback" not in said.err
    assert "a bug" not in said.err
    assert platform.ok("config:show", "victim") + platform.ok("ps:scale", "victim") == before
