import pytest

from paas.errors import PaasError
from paas.model.procfile import parse


def test_process_types_and_commands_come_in_the_files_order():
    text = (
        "web: gunicorn app:app --bind 0.0.0.0:$PORT\nworker: python worker.py\nrelease: ./migrate\n"
    )
    assert list(parse(text).items()) == [
        ("web", "gunicorn app:app --bind 0.0.0.0:$PORT"),
        ("worker", "python worker.py"),
        ("release", "./migrate"),
    ]


def test_what_editors_leave_behind_is_accepted():
    text = "\ufeff# processes\r\n\r\n  web :  ./serve  \r\n\t# more\r\nclock:./tick"
    assert parse(text) == {"web": "./serve", "clock": "./tick"}


def test_an_empty_file_declares_nothing():
    assert parse("\n# nothing here\n") == {}


def test_colons_quotes_and_pipes_stay_in_the_command():
    assert parse("web: a 'b: c' && d | e") == {"web": "a 'b: c' && d | e"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("web gunicorn", "is not of the form name: command"),
        (": gunicorn", "is not of the form name: command"),
        ("web:", "gives web no command"),
        ("web:   \t", "gives web no command"),
        ("Web: x", "has the name 'Web', which is not allowed"),
        ("web_1: x", "has the name 'web_1', which is not allowed"),
        ("-web: x", "has the name '-web', which is not allowed"),
        ("w" * 64 + ": x", "which is not allowed"),
        ("wéb: x", "which is not allowed"),
        ("my web: x", "is not of the form name: command"),
        ("web: x\0y", "has a control character in it"),
        ("web: x\x1b[2Jy", "has a control character in it"),
    ],
)
def test_a_bad_line_is_named_by_number_and_text(line, reason):
    with pytest.raises(PaasError) as caught:
        parse(f"# first\nok: true\n{line}\n")
    assert caught.value.message.startswith("Procfile line 3 ")
    assert reason in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.hint


def test_a_second_declaration_of_a_type_is_refused():
    with pytest.raises(PaasError, match="Procfile line 3 declares web a second time: web: two"):
        parse("web: one\nother: x\nweb: two\n")


def test_a_huge_line_is_quoted_in_part():
    with pytest.raises(PaasError) as caught:
        parse("x" * 1_000_000)
    assert len(caught.value.message) < 300
