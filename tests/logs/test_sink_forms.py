"""What goes over the wire: syslog messages by the letter of RFC 5424, and lines of JSON."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from paas.logs.line import Line
from paas.logs.sinks import forms
from paas.model.sink import parse

AT = datetime(2026, 5, 4, 14, 0, 1, 250, tzinfo=timezone(timedelta(hours=2)))


def line(text: str, source: str = "web.1", stream: str = "stdout") -> Line:
    return Line(AT, source, stream, text)


def message(one: Line, *, app: str = "blog", host: str = "box") -> bytes:
    (found,) = forms.messages(app, one, host, forms.STREAM_BYTES)
    return found


def test_a_message_says_when_where_which_app_and_which_process():
    said = message(line("GET / 200"))
    assert said == b"<14>1 2026-05-04T12:00:01.000250Z box blog web.1 - - GET / 200"


def test_stderr_is_an_error():
    assert message(line("oh no", "worker.2", "stderr")).startswith(b"<11>1 ")


def test_names_are_cut_and_freed_of_what_does_not_fit():
    said = message(line("x", source="a b"), app="a" * 63, host="höst name")
    assert said.split(b" ")[2:5] == [b"h_st_name", b"a" * 48, b"a_b"]
    assert message(line("x"), host="").split(b" ")[2] == b"-"


def test_text_goes_as_it_was_written():
    text = '\ttab \x1b[31mred\x1b[0m ünï \U0001f600 ] " \\ \x00'
    assert message(line(text)).endswith(b" - - " + text.encode())


def test_an_empty_line_is_a_message_too():
    assert message(line("")).endswith(b" web.1 - - ")


@pytest.mark.parametrize("most", [forms.STREAM_BYTES, forms.DATAGRAM_BYTES, 7])
def test_a_line_that_is_too_long_comes_in_parts_that_are_whole_characters(most: int):
    text = "aä€😀" * 4000
    found = [one.split(b" - - ", 1) for one in forms.messages("blog", line(text), "box", most)]
    assert len({head for head, _ in found}) == 1
    assert all(len(part) <= most for _, part in found)
    assert "".join(part.decode() for _, part in found) == text


def test_what_was_no_text_is_replaced_and_never_ends_the_shipping():
    said = message(line(b"caf\xe9 \xff".decode(errors="replace")))
    assert said.endswith("caf� �".encode())
    assert message(line("lone \ud800")).endswith(b"lone ?")


def test_a_frame_counts_octets_so_that_no_text_can_forge_another():
    one = message(line("ü\n9 <14>1 forged"))
    count, _, rest = forms.framed(one).partition(b" ")
    assert int(count) == len(rest) == len(one)


def test_json_is_what_logs_shows():
    first, second, end = forms.json_lines("blog", [line("a\nb"), line("ü", "paas")]).split(b"\n")
    assert json.loads(first) == {
        "at": "2026-05-04T12:00:01.000250Z",
        "app": "blog",
        "source": "web.1",
        "stream": "stdout",
        "text": "a\nb",
    }
    assert json.loads(second)["text"] == "ü"
    assert not end


def test_the_login_of_a_url_is_basic_authentication():
    said = forms.headers(parse("https://al%3Aice:p%40ss@logs.example.com/x"))
    assert said["Authorization"] == "Basic YWw6aWNlOnBAc3M="
    assert "Authorization" not in forms.headers(parse("https://logs.example.com/x"))
