"""shell: command after command; and the lines people type to it."""

import os
from collections.abc import Iterator

import pytest

from paas.commands.lines import Editor, first_key, keys
from paas.console import Console, silent
from paas.model.app import App
from paas.model.caller import Caller, Role
from tests.commands.conftest import ADMIN, NOBODY, ROOT, Admin

NAMES = ("apps:create", "apps:list", "config:set")


def typed(data: bytes, history: list[str] | None = None) -> list[str]:
    """The lines that come of keys."""
    reader, writer = os.pipe()
    quiet = os.open(os.devnull, os.O_RDWR)
    os.write(writer, data)
    os.close(writer)
    console = Console(reader, quiet, quiet)
    editor = Editor(console, "> ", completions, history or [])
    found = []
    stream = keys(console, quiet_pipe := os.pipe()[0])
    while (line := editor.line(stream)) is not None:
        found.append(line)
    for one in (reader, quiet, quiet_pipe):
        os.close(one)
    return found


def completions(before: str) -> list[str]:
    word = before.rpartition(" ")[2]
    return [name for name in NAMES if name.startswith(word)]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"apps:list\r", "apps:list"),
        (b"ab\x7fc\r", "ac"),
        (b"bc\x01a\x05d\r", "abcd"),
        (b"ac\x1b[Db\x1b[C!\r", "abc!"),
        (b"one two\x17three\r", "one three"),
        (b"gone\x15kept\r", "kept"),
        (b"kept gone\x1b[D\x1b[D\x1b[D\x1b[D\x0b\r", "kept "),
        (b"dropped\x03kept\r", "kept"),
        (b"abc\x1b[H\x1b[3~\r", "bc"),
        ("gr\u00fc\u00dfe \u6f22\U0001f600\x7f\r".encode(), "gr\u00fc\u00dfe \u6f22"),
        (b"\x1b[200~\x1b[999;9zx\r", "x"),
        (b"\xff\xfex\r", "\ufffd\ufffdx"),
        (b"co\t\r", "config:set "),
        (b"ap\t\r", "apps:"),
        (b"apps:c\t x\r", "apps:create  x"),
        (b"nothing\t\r", "nothing"),
    ],
)
def test_a_line_is_edited_as_people_know_it(data: bytes, line: str):
    assert typed(data) == [line]


def test_lines_are_remembered_and_gone_back_to():
    lines = typed(b"one\rtwo\r\x1b[A\x1b[A\r\x1b[A\x1b[A\x1b[A\x1b[B!\rnew\x1b[A\x1b[B er\r")
    assert lines == ["one", "two", "one", "two!", "new er"]


def test_a_line_ends_with_the_input_and_ctrl_d_only_when_it_is_empty():
    assert typed(b"one\r\x04two\r") == ["one"]
    assert typed(b"ab\x02\x04\r") == ["a"]
    assert typed(b"never ended") == []


def test_what_is_typed_after_a_line_is_its_commands_to_read():
    reader, writer = os.pipe()
    os.write(writer, b"run blog bash\recho one\r")
    with silent() as quiet:
        console = Console(reader, quiet.stdout, quiet.stderr)
        stream = keys(console, quiet_pipe := os.pipe()[0])
        assert Editor(console, "> ", completions).line(stream) == "run blog bash"
    assert os.read(reader, 100) == b"echo one\r"
    for one in (reader, writer, quiet_pipe):
        os.close(one)


def test_an_interrupt_between_a_line_and_its_command_is_the_commands():
    with silent() as console:
        console.cancel()
        with console.within({}) as command:
            assert command.cancelled.is_set()
        assert not console.cancelled.is_set()


@pytest.mark.parametrize("data", [b"\x1b", b"\x1b[", b"\x1b[3", b"\xe6\xbc", b"\xf0\x9f\x98"])
def test_a_key_that_has_not_come_whole_is_waited_for(data: bytes):
    assert first_key(data) == ("", 0)


def test_an_endless_escape_sequence_is_no_endless_wait():
    assert first_key(b"\x1b[" + b"1" * 100)[1] > 0


@pytest.fixture
def root(admin: Admin) -> Iterator[Admin]:
    """Who types at the server, with no key."""
    admin.caller = ROOT
    yield admin
    admin.caller = ADMIN


def test_commands_are_read_a_line_each_and_the_last_ones_exit_code_counts(root: Admin):
    said = root("shell", stdin=b"apps:create blog\n\n# a word\npaas apps:list\napps:report no\n")
    assert said.status == 20
    assert "blog" in said.out
    assert "no" in said.err
    assert root("shell", stdin=b"apps:report no\nversion").status == 0
    assert root("shell", stdin=b"quit\napps:create late\n").status == 0
    assert "late" not in root.ok("apps:list")


def test_what_is_no_line_is_told_and_the_next_one_is_run(root: Admin, blog: App):
    said = root("shell", stdin=b"apps:list 'x\nnonsense\nshell\napps:list\n")
    assert "quotes do not match" in said.err
    assert "not a paas command" in said.err
    assert "a shell already" in said.err
    assert "blog" in said.out


def test_a_key_that_was_removed_stops_working_in_the_middle(admin: Admin, blog: App):
    gone = Caller("bob", "ssh", frozenset({Role.ADMIN}), "SHA256:gone")
    said = admin("shell", stdin=b"apps:create late\n", caller=gone)
    assert said.status == 77
    assert "this key was removed" in said.err
    assert "late" not in admin.ok("apps:list")
    assert admin.fails("shell", caller=NOBODY).status == 77
