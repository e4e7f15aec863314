"""What apt objects to is told in words that a stack's maker can act on."""

import pytest

from paas.errors import CommandFailed, PaasError
from paas.image import apt_words

END = "I: main() received signal PIPE: waiting for setup...\nE: mmdebstrap failed to run\n"
FAILED = f"E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> failed\n{END}"
NO_SUITE = f"""Err:4 http://deb.debian.org/debian bookwurm Release
  404  Not Found [IP: 203.0.113.80 80]
Reading package lists...
E: The repository 'http://deb.debian.org/debian bookwurm Release' does not have a Release file.
{FAILED}"""
AWAY = f"""Ign:1 http://me:secret@deb.example/debian bookworm InRelease
E: Failed to fetch http://me:secret@deb.example/debian/dists/bookworm/InRelease  \
Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)
E: Some index files failed to download. They have been ignored, or old ones used instead.
{FAILED}"""
EXPIRED = f"""E: Release file for http://deb.debian.org/debian/dists/forky/InRelease is expired \
(invalid since 20d 4h 38min 48s). Updates for this repository will not be applied.
{FAILED}"""
UNKNOWN = f"""Building dependency tree...
E: Unable to locate package no-such-pkg
E: Package 'gone' has no installation candidate
E: setup failed: E: apt-get --yes -oAPT::Get::Simulate=true install no-such-pkg gone failed
{END}"""
UNMET = """The following packages have unmet dependencies:
 exim4-daemon-light : Conflicts: mail-transport-agent
 postfix : Conflicts: mail-transport-agent
E: Unable to correct problems, you have held broken packages.
"""


@pytest.mark.parametrize(
    ("said", "words", "hint"),
    [
        (NO_SUITE, "http://deb.debian.org/debian has no bookwurm", "name a suite of Debian"),
        (AWAY, "did not give http://deb.example/debian/dists/bookworm/InRelease", "the network"),
        (AWAY, "Connection refused", "proxies in /etc/apt"),
        (EXPIRED, "of bookworm has expired: http://deb.debian.org", "check this machine's clock"),
        (UNKNOWN, "bookworm has no package no-such-pkg, gone", "packages.debian.org/bookworm"),
        ("E: Unable to locate package libffi8\n", "no stack can be made of bookworm", "trixie do"),
        (UNMET, "cannot be installed together: exim4-daemon-light : Conflicts:", "leave out"),
        ("dpkg: error: write: No space left on device\n", "the disk is full", "free some space"),
        ("E: Sub-process dpkg returned an error code (1)\n", "returned an error code", "again"),
    ],
)
def test_what_apt_says_is_told_with_what_to_do(said: str, words: str, hint: str):
    with pytest.raises(PaasError) as caught, apt_words.explained("bookworm"):
        raise CommandFailed(("unshare",), 25, said)
    assert words in caught.value.message
    assert hint in caught.value.hint
    assert "secret" not in caught.value.message


def test_what_is_not_apts_is_told_as_it_is():
    with pytest.raises(CommandFailed, match="pip failed"), apt_words.explained("bookworm"):
        raise CommandFailed(("pip",), 1, "ERROR: no matching distribution\n")
