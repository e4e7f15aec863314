"""URLs of sinks: what is one, what of it is shown, and which addresses are public."""

from ipaddress import ip_address

import pytest

from paas.errors import UsageError
from paas.model import sink


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("syslog+udp://logs.example.com", "logs.example.com:514"),
        ("syslog+tcp://logs.example.com", "logs.example.com:601"),
        ("syslog+tls://logs.example.com:7000", "logs.example.com:7000"),
        ("https://logs.example.com/in", "logs.example.com:443"),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080"),
    ],
)
def test_a_port_that_is_not_given_is_the_schemes(url: str, place: str):
    assert sink.parse(url).place == place


@pytest.mark.parametrize(
    "url",
    [
        "logs.example.com:514",
        "syslog://logs.example.com",
        "console://",
        "file:///etc/passwd",
        "syslog+tcp://",
        "syslog+tcp://:601",
        "syslog+tcp://host:0",
        "syslog+tcp://host:70000",
        "syslog+tcp://host/path",
        "syslog+tcp://user:secret@host",
        "syslog+udp://host?x=secret",
        "https://host/#secret",
        "https://ho st/secret",
        "https://host/secret\r\nX-Forged: yes",
        "https://höst/secret",
        "https://-host/",
        "https://[::1/secret",
        "",
    ],
)
def test_what_is_no_sink_is_refused_without_telling_a_secret(url: str):
    with pytest.raises(UsageError) as caught:
        sink.checked(url)
    assert "secret" not in caught.value.message + caught.value.hint


def test_logins_paths_and_queries_are_never_shown():
    one = sink.parse("https://alice:pass%40word@logs.example.com/token-1?key=token-2")
    assert one.shown == "https://logs.example.com:443/..."
    assert (one.user, one.password) == ("alice", "pass@word")
    assert one.target == "/token-1?key=token-2"
    assert sink.parse("http://logs.example.com/").shown == "http://logs.example.com:80"


def test_a_sink_with_another_password_is_the_same_sink():
    ids = {sink.parse(f"https://a:{word}@logs.example.com/x").id for word in ("one", "two")}
    assert len(ids) == 1
    assert sink.parse("https://b:one@logs.example.com/x").id not in ids


def test_every_sink_is_named_once_and_there_are_few():
    both = "syslog+udp://one.example.com,https://a:b@two.example.com/x"
    assert sink.checked(both + ",") == both
    assert sink.shown(both) == "syslog+udp://one.example.com:514,https://two.example.com:443/..."
    with pytest.raises(UsageError, match="twice"):
        sink.checked("syslog+tcp://host,syslog+tcp://HOST:601")
    with pytest.raises(UsageError, match="6 sinks"):
        sink.checked(",".join(f"syslog+tcp://host:{port}" for port in range(1, 7)))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *(
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "240.0.0.1",
        ),
        *("::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1"),
    ],
)
def test_an_address_that_is_not_the_internets_is_not_public(address: str):
    assert not sink.is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1", "64:ff9b::101:101"]
)
def test_others_are(address: str):
    assert sink.is_public(ip_address(address))


def test_networks_are_read_and_bad_ones_refused():
    assert sink.checked_networks("10.0.0.0/8, fd00::/8") == "10.0.0.0/8,fd00::/8"
    assert sink.within(ip_address("10.1.1.1"), sink.networks("fd00::/8,10.0.0.0/8"))
    for bad in ("10.0.0.1/8", "lan", "10.0.0.0/99"):
        with pytest.raises(UsageError):
            sink.checked_networks(bad)
