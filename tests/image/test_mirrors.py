"""The host's mirrors, in every form Debian writes them down."""

from pathlib import Path

import pytest

from paas.image import mirrors

DEB822 = """\
Types: deb deb-src
# a comment
URIs: https://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
 non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://packages.vendor.example/apt bookworm main
deb http://one.example/debian bookworm main contrib # trailing
deb-src http://one.example/debian bookworm main
deb http://one.example/debian-security bookworm-security main
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    return tmp_path


def test_stanzas_are_read(etc: Path) -> None:
    (etc / "apt/sources.list.d/debian.sources").write_text(DEB822)
    assert mirrors.of_host(etc) == mirrors.Mirrors(
        "https://mirror.example/debian", "https://mirror.example/debian-security"
    )


def test_lines_are_read_and_a_vendors_packages_are_not_debians(etc: Path) -> None:
    (etc / "apt/sources.list").write_text(ONE_LINE)
    assert mirrors.of_host(etc) == mirrors.Mirrors(
        "http://one.example/debian", "http://one.example/debian-security"
    )


def test_disabled_stanzas_do_not_count(etc: Path) -> None:
    text = DEB822.replace("Types: deb deb-src", "Types: deb\nEnabled: no")
    (etc / "apt/sources.list.d/debian.sources").write_text(text)
    assert mirrors.of_host(etc).archive == mirrors.ARCHIVE


def test_mirror_lists_of_cloud_images_are_followed(etc: Path) -> None:
    (etc / "apt/mirrors").mkdir()
    (etc / "apt/mirrors/debian.list").write_text(
        "# near\nhttps://near.example/debian\tpriority:1\n"
    )
    text = DEB822.replace(
        "https://mirror.example/debian/", "mirror+file:///etc/apt/mirrors/debian.list"
    )
    (etc / "apt/sources.list.d/debian.sources").write_text(text)
    assert mirrors.of_host(etc).archive == "https://near.example/debian"


def test_a_host_without_debian_sources_gets_debians_own(etc: Path) -> None:
    assert mirrors.of_host(etc) == mirrors.Mirrors()


def test_another_suite_comes_with_its_updates_and_is_signed(etc: Path) -> None:
    lines = mirrors.Mirrors().sources("trixie", Path("/k.gpg"))
    assert [line.split()[3] for line in lines] == ["trixie", "trixie-updates", "trixie-security"]
    assert all("[signed-by=/k.gpg]" in line for line in lines)
