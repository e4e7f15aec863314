"""What a stack's definition may say."""

import pytest

from paas.errors import PaasError
from paas.model.stack import Recipe, parse, stack_name


def test_a_definition_names_packages_and_a_suite():
    text = 'suite = "bookworm"\nrun = ["tree", "tree", "libpq5"]\nbuild = ["g++", "libpq-dev"]\n'
    assert parse(text, "trixie") == Recipe("bookworm", ("tree", "libpq5"), ("g++", "libpq-dev"))
    assert parse("", "trixie") == Recipe("trixie")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run = [", "not valid TOML"),
        ('runs = ["tree"]', "there is no 'runs'"),
        ('run = "tree"', "must be a list"),
        ('run = ["--force-yes"]', "is not the name of a Debian package"),
        ('run = ["tree=1.0/etc"]', "is not the name of a Debian package"),
        ("run = [1]", "is not the name of a Debian package"),
        ('suite = "trixie main"', "must be the name of a suite"),
        (f"run = {['a' + str(n) for n in range(501)]}", "at most 500 packages"),
    ],
)
def test_what_is_no_definition_is_refused(text: str, words: str):
    with pytest.raises(PaasError, match=words):
        parse(text, "trixie")


def test_a_recipe_of_nothing_is_the_usual_stack_and_others_are_not():
    usual = "0123456789ab"
    assert Recipe("").digest(usual) == usual
    others = [Recipe("trixie", ("tree",)), Recipe("trixie", (), ("tree",)), Recipe("bookworm")]
    digests = {one.digest(usual) for one in others}
    assert len(digests | {usual}) == 4
    assert Recipe("trixie", ("a", "b")).digest(usual) == Recipe("trixie", ("b", "a")).digest(usual)


@pytest.mark.parametrize("name", ["Mine", "a", "x" * 33, "a--b", "-a", "a/b", "a:b", "a_b", ""])
def test_names_that_no_stack_has(name: str):
    with pytest.raises(PaasError, match="not a name for a stack"):
        stack_name(name)
