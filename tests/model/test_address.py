"""Addresses that sources come from: which are, which never, and how they are shown."""

import pytest

from paas.errors import UsageError
from paas.model import address


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://git.example.com/team/app.git", "git.example.com"),
        ("http://git.example.com:8080/app", "git.example.com:8080"),
        ("https://git.example.com:443/app", "git.example.com"),
        ("ssh://git@git.example.com:2222/app", "git.example.com:2222"),
        ("git@Git.Example.com:team/app.git", "git.example.com"),
        ("git.example.com:team/app.git", "git.example.com"),
    ],
)
def test_a_repository_has_a_host(text, host):
    found = address.repository(text)
    assert (found.url, found.host) == (text, host)


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc", "/etc", "ext::sh -c id", "git://git.example.com/x", "ftp://x/y", "",
        "https://", "https:///x", "ssh://-oProxyCommand=id/x", "-oProxyCommand=id:x", "https://[::1",
        "https://git.example.com:port/x", "https://git.example.com/a b", "--upload-pack=id",
    ],
)  # fmt: skip
def test_what_is_no_repository_over_http_or_ssh_is_refused(text):
    with pytest.raises(UsageError, match="is no address"):
        address.repository(text)


@pytest.mark.parametrize("text", ["https://ann:pw@h.example.com/x", "https://token@h.example.com/x",
                                  "ssh://git:pw@h.example.com/x"])  # fmt: skip
def test_a_login_in_an_address_is_refused_and_not_repeated(text):
    with pytest.raises(UsageError) as caught:
        address.repository(text)
    assert "pw" not in caught.value.message
    assert "token@" not in caught.value.message
    assert "git:auth h.example.com" in caught.value.hint


def test_an_archive_comes_by_http_alone():
    assert address.archive("https://example.com/app.tgz?signature=s").shown == (
        "https://example.com/app.tgz"
    )
    with pytest.raises(UsageError):
        address.archive("ssh://example.com/app.tgz")


@pytest.mark.parametrize("text", ["git.example.com", "host:8443", "10.0.0.1", "localhost"])
def test_hosts_are_kept_in_lower_case(text):
    assert address.host(text.upper()) == text


@pytest.mark.parametrize(
    "text", ["-x", "a b", "a/b", "https://x", "a:", "a:0", "a:99999", "a..b", "", "a\n"]
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(UsageError):
        address.host(text)


@pytest.mark.parametrize("text", ["-x", "a..b", "a@{1}", "a b", "a:b", "", "^a", "a~1", "a*"])
def test_what_is_no_branch_tag_or_commit_is_refused(text):
    with pytest.raises(UsageError):
        address.ref(text)
    assert address.ref("feature/x-1.2") == "feature/x-1.2"
