"""What people write to name a buildpack, and what it means."""

import pytest

from paas.errors import PaasError
from paas.model import buildpack
from paas.model.buildpack import Kind, Reference

OWN = ("apt", "go", "nodejs", "python")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("python", "python"),
        ("heroku/python", "python"),
        ("heroku/go", "go"),
        ("heroku-community/apt", "apt"),
        ("heroku-buildpack-python", "python"),
        ("https://github.com/heroku/heroku-buildpack-python", "python"),
        ("https://github.com/heroku/heroku-buildpack-nodejs.git", "nodejs"),
        ("https://github.com/Heroku/heroku-buildpack-apt/", "apt"),
    ],
)
def test_herokus_own_names_and_addresses_mean_our_packs(text: str, name: str):
    assert buildpack.parse(text, OWN) == Reference(Kind.OWN, name)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (
            "https://github.com/heroku/heroku-buildpack-python#v250",
            Reference(Kind.GIT, "https://github.com/heroku/heroku-buildpack-python", "v250"),
        ),
        (
            "heroku/ruby",
            Reference(Kind.GIT, "https://github.com/heroku/heroku-buildpack-ruby.git"),
        ),
        (
            "someone/thing",
            Reference(Kind.GIT, "https://github.com/someone/heroku-buildpack-thing.git"),
        ),
        (
            "https://github.com/someone/heroku-buildpack-python",
            Reference(Kind.GIT, "https://github.com/someone/heroku-buildpack-python"),
        ),
        (
            "https://example.com/packs/x.git#feature/one",
            Reference(Kind.GIT, "https://example.com/packs/x.git", "feature/one"),
        ),
        ("https://example.com/x.tgz", Reference(Kind.ARCHIVE, "https://example.com/x.tgz")),
        (
            "https://example.com/x.tar.gz?version=2",
            Reference(Kind.ARCHIVE, "https://example.com/x.tar.gz?version=2"),
        ),
        ("/srv//packs/./x/", Reference(Kind.FOLDER, "/srv/packs/x")),
    ],
)
def test_other_peoples_packs_are_known_by_where_they_are(text: str, reference: Reference):
    assert buildpack.parse(text, OWN) == reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cobol", "there is no buildpack 'cobol' here"),
        ("../../etc", "there is no buildpack"),
        ("..", "there is no buildpack"),
        ("", "is not a buildpack"),
        ("two words", "is not a buildpack"),
        ("a\nb", "is not a buildpack"),
        ("--upload-pack=x", "there is no buildpack"),
        ("git@example.com:me/python.git", "fetched by https or http"),
        ("file:///etc", "fetched by https or http"),
        ("ext::sh -c x", "is not a buildpack"),
        ("ssh://git@example.com/x", "fetched by https or http"),
        ("https://me:secret@example.com/x.git", "must not hold a password"),
        ("https:///x.git", "is not an address"),
        ("https://example.com/x.git#--evil", "is not a branch name"),
        ("https://example.com/x.git#a..b", "is not a branch name"),
        ("https://example.com/x.tgz#v1", "an archive has no 'v1'"),
        ("/srv/../etc", "is not the path of a buildpack"),
        ("/", "is not the path of a buildpack"),
    ],
)
def test_what_is_no_buildpack_is_refused(text: str, message: str):
    with pytest.raises(PaasError, match=message):
        buildpack.parse(text, OWN)


def test_a_password_is_not_repeated_in_the_error():
    with pytest.raises(PaasError) as caught:
        buildpack.parse("https://me:secret@example.com/x.git", OWN)
    assert "secret" not in caught.value.message + caught.value.hint


def test_only_a_whole_commit_can_never_mean_another_revision():
    assert buildpack.parse(f"https://example.com/x#{'a' * 40}", OWN).pinned
    assert not buildpack.parse("https://example.com/x#abcdef1", OWN).pinned
    assert not buildpack.parse("https://example.com/x", OWN).pinned


def test_a_buildpacks_file_has_one_a_line():
    text = "# in this order\nheroku/nodejs\n\n  https://example.com/x.git#v1  \r\n"
    assert buildpack.listed(text) == ("heroku/nodejs", "https://example.com/x.git#v1")
