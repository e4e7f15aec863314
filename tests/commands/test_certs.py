"""certs: what is taken as a certificate, and what an app then shows."""

import io
import tarfile
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from paas.model import certificate
from paas.model.app import App
from paas.model.certificate import Certificate, new_key, self_signed
from tests.commands.conftest import ROOT, Admin, FakeProxy

MADE = self_signed(["blog.localhost", "blog.example.org"])


def archive(**files: str) -> bytes:
    """A tar with these files; `__` stands for a slash and the last `_` for the dot."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(".".join(name.replace("__", "/").rsplit("_", 1)))
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


TAR = archive(nested__server_crt=MADE.chain, nested__server_key=MADE.key)


def published(admin: Admin):
    proxy = admin.platform.proxy
    assert isinstance(proxy, FakeProxy)
    return proxy.published["blog"]


def report(admin: Admin, key: str) -> str:
    return admin.ok("certs:report", "blog", f"--ssl-{key}").strip()


def test_an_archive_on_standard_input_is_shown_from_then_on(admin: Admin, blog: App):
    said = admin("certs:add", "blog", stdin=TAR)
    assert said.status == 0
    assert "Configured SSL for blog" in said.out
    route = published(admin)
    assert (route.certificate, route.upgrade) == (MADE.digest, True)
    assert route.hsts == "max-age=15724800; includeSubDomains"
    assert "=====> blog ssl information" in admin.ok("certs:report", "blog")
    assert "Ssl enabled:" in admin.ok("certs:report", "blog")
    assert report(admin, "enabled") == "true"
    assert report(admin, "hostnames") == "blog.example.org blog.localhost"
    assert report(admin, "verified") == "self signed."
    assert report(admin, "expires-at").endswith(" GMT")
    assert int(report(admin, "expires-in-days")) in (364, 365)
    assert admin.ok("certs:show", "blog", "crt") == MADE.chain
    assert admin.ok("certs:show", "blog", "key") == MADE.key
    assert "https" in admin.ok("ports:list", "blog")


def test_both_as_text_one_after_the_other_are_taken_too(admin: Admin, blog: App):
    admin.ok("certs:add", "blog", stdin=MADE.pem.encode())
    assert published(admin).certificate == MADE.digest


def test_files_are_named_by_the_machine_s_own_root_alone(admin: Admin, blog: App, tmp_path):
    (tmp_path / "crt").write_text(MADE.chain)
    (tmp_path / "key").write_text(MADE.key)
    named = (str(tmp_path / "crt"), str(tmp_path / "key"))
    assert "own root" in admin.fails("certs:add", "blog", *named).err
    admin.ok("certs:add", "blog", *named, caller=ROOT)
    assert report(admin, "enabled") == "true"
    assert "cannot be read" in admin.fails("certs:update", "blog", "/no", "/no", caller=ROOT).err


def test_names_that_are_not_in_it_are_told(admin: Admin, blog: App):
    other = self_signed(["other.example.org"])
    said = admin("certs:add", "blog", stdin=other.pem.encode())
    assert "blog." in said.err
    assert "is not in the certificate" in said.err


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "nothing on standard input"),
        (b"hello", "no tar archive"),
        (archive(server_crt=MADE.chain), "no key (.key)"),
        (archive(a_crt=MADE.chain, b_crt=MADE.chain, server_key=MADE.key), "2 certificate (.crt)"),
        (archive(server_crt="x", server_key=MADE.key), "no certificate in PEM form"),
        (archive(server_crt=MADE.chain, server_key="x"), "no private key in PEM form"),
        (
            archive(server_crt=MADE.chain, server_key=self_signed(["a.test"]).key),
            "the key does not belong to the certificate",
        ),
        (archive(server_crt=MADE.chain * 11, server_key=MADE.key), "are no chain"),
    ],
)
def test_what_would_not_work_is_refused_with_the_reason(
    admin: Admin, blog: App, data: bytes, why: str
):
    said = admin.fails("certs:add", "blog", stdin=data)
    assert why in said.err
    assert "ReadError" not in said.err
    assert MADE.key.splitlines()[1] not in said.err
    assert report(admin, "enabled") == "false"


def test_a_key_that_is_too_weak_is_refused():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key = rsa.generate_private_key(65537, 1024)
    name = certificate.common_name("a.test")
    weak = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1)
        .not_valid_before(certificate.datetime(2026, 1, 1, tzinfo=certificate.UTC))
        .not_valid_after(certificate.datetime(2036, 1, 1, tzinfo=certificate.UTC))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(certificate.UsageError, match="1024 bits is too weak"):
        certificate.read(weak.public_bytes(serialization.Encoding.PEM), pem)


def test_generating_one_adds_the_domain_and_shows_a_request_for_an_authority(
    admin: Admin, blog: App
):
    said = admin.ok("certs:generate", "blog", "www.example.org")
    assert "-----BEGIN CERTIFICATE REQUEST-----" in said
    assert "www.example.org" in published(admin).domains
    assert report(admin, "origin") == "generated"
    assert "www.example.org" in report(admin, "hostnames")


def test_without_one_there_is_nothing_to_update_remove_or_show(admin: Admin, blog: App):
    for argv in (("update", "blog"), ("remove", "blog"), ("show", "blog", "key")):
        assert (
            "blog has no certificate" in admin.fails(f"certs:{argv[0]}", *argv[1:], stdin=TAR).err
        )
    assert report(admin, "enabled") == "false"
    assert report(admin, "issuer") == ""


def test_removing_it_leaves_the_app_plain(admin: Admin, blog: App):
    admin.ok("certs:add", "blog", stdin=TAR)
    admin.ok("certs:update", "blog", stdin=self_signed(["blog.example.org"]).pem.encode())
    assert published(admin).certificate not in ("", MADE.digest)
    admin.ok("certs:remove", "blog")
    route = published(admin)
    assert (route.certificate, route.upgrade, route.hsts) == ("", False, "")


def test_an_app_with_ports_of_its_own_gets_https_beside_http(admin: Admin, deployed: App):
    admin.ok("ports:set", "--no-restart", "blog", "http:80:5000", "http:8081:9000")
    admin.ok("certs:add", "blog", stdin=TAR)
    assert [str(one) for one in published(admin).ports] == [
        "http:80:0",
        "http:8081:9000",
        "https:443:0",
    ]
    admin.ok("ports:set", "--no-restart", "blog", "http:8081:9000")
    route = published(admin)
    assert ([str(one) for one in route.ports], route.upgrade) == (["http:8081:0"], False)


def test_a_certificate_is_for_its_names_and_one_label_of_a_wildcard():
    said = certificate.describe(self_signed(["blog.test", "*.blog.test"]).chain)
    covered = [said.covers(name) for name in ("blog.test", "a.blog.test", "*.blog.test")]
    assert covered == [True, True, True]
    assert not said.covers("a.b.blog.test")
    assert not said.covers("*.a.blog.test")


def test_nothing_of_a_key_is_in_what_is_printed():
    made = Certificate("chain", "secret")
    assert "secret" not in repr(made)
    assert replace(made, key="other").digest != made.digest
    assert certificate.key_text(new_key()) not in repr(MADE)
