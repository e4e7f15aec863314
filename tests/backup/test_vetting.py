"""Rows of an archive: what nobody could have said to a command is refused, in every table."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from paas.backup.vetting import RULES, conforms, vet
from paas.commands import report, table  # noqa: F401 - registers every namespace
from paas.errors import PaasError
from paas.model.certificate import self_signed
from paas.model.image import Health, ImageConfig, Step, User
from paas.model.job import Job
from paas.model.maintenance import digest_of
from paas.model.release import Image, Layer
from paas.store import store  # noqa: F401 - makes every table known
from paas.store.database import metadata
from paas.store.images import named_images
from tests.store.test_dump import ED25519

IMAGE = Image(
    "image", (Layer("source-1", 65536, 12),), {"web": "run", "release": "migrate"},
    environment={"PATH": "/bin"}, buildpacks=("python",), commit="c" * 40, manifest={"env": {}},
    config=ImageConfig(ports=(80,), user=User(1, 2, (3,)), health=Health(("true",))),
    steps=(Step("COPY", "source-1"),),
)  # fmt: skip
KIND, BLOB, _ = ED25519.split(" ")
RELEASE = {"id": 1, "app_id": 1, "version": 1, "image": IMAGE, "config": {"A": "b"},
           "description": "Deploy", "actor": "alice", "status": "succeeded", "current": True,
           "created_at": datetime.now(UTC)}  # fmt: skip
OPTION = {"phase": "build", "process": "", "position": 0, "option": "--build-arg A=b"}
SHOWN = self_signed(["blog.test"])
CERTIFICATE = {"digest": SHOWN.digest, "chain": SHOWN.chain, "key": SHOWN.key, "origin": "added"}
PAGE = {"files": {"maintenance.html": ""}, "digest": digest_of({"maintenance.html": b""})}
HASH = "$2b$10$hbK/.UuarxLAnHTz.yhuZelhvF7gqydPZMAjo4BeMXjMKsD0Ihlcq"
REDIRECT = {"source": "a.test", "destination": "b.test", "code": 301}
BUILD = {"name": "0123456789abcd", "kind": "build", "status": "failed", "revision": "c" * 40,
         "phases": [["build", 1.5], ["release", 2]]}  # fmt: skip
PLUGIN = {"name": "freeze", "kind": "git", "address": "https://example.org/freeze.git",
          "committish": "v1", "id": 1, "revision": "c" * 40,
          "commands": '[{"name": "freeze:on", "permission": "write"}]'}  # fmt: skip
KEY = {"name": "alice", "type": KIND, "blob": BLOB, "roles": "admin"}


def fingerprint() -> str:
    from paas.model.key import parse

    return parse(ED25519).fingerprint


GOOD: list[tuple[str, dict[str, Any]]] = [
    ("apps", {"name": "blog", "last_version": 3}),
    ("config", {"key": "A_B", "value": "x\ny ü"}),
    ("domains", {"name": "*.example.org"}),
    ("formation", {"process_type": "web", "count": 2}),
    ("limits", {"process_type": "", "key": "memory", "value": "64m"}),
    ("buildpacks", {"name": "python"}),
    ("docker_options", OPTION),
    ("port_mappings", {"scheme": "http", "host_port": 80, "container_port": 5000}),
    ("releases", RELEASE),
    ("releases", {**RELEASE, "image": replace(IMAGE, config=None, steps=(), commit="")}),
    ("named_images", {"name": "team/base:1", "image": IMAGE}),
    ("release_layers", {"layer_id": "source-1"}),
    ("keys", {**KEY, "fingerprint": fingerprint()}),
    ("standins", {"host": "example.org", "path": "/x/", "target": "https://mirror.example.org/x/"}),
    ("properties", {"namespace": "ps", "key": "priority", "value": "1"}),
    ("certificates", CERTIFICATE),
    (
        "acme_accounts",
        {"server": "https://x.test", "email": "", "uri": "https://x.test/1", "key": SHOWN.key},
    ),
    ("redirects", REDIRECT),
    ("http_auth_users", {"name": "ann", "hash": HASH}),
    ("http_auth_addresses", {"address": "10.0.0.0/8"}),
    ("maintenance_pages", PAGE),
    ("builds", BUILD),
    ("jobs", {"job_id": Job("date", "@daily").id, "suspended": False}),
    ("plugins", PLUGIN),
]
ASTRAY = "../../../etc/cron.d/x"
BAD: list[tuple[str, dict[str, Any]]] = [
    ("apps", {"name": ASTRAY, "last_version": 0}),
    ("apps", {"name": "blog", "last_version": -1}),
    ("config", {"key": ASTRAY, "value": "x"}),
    ("config", {"key": "A=B", "value": "x"}),
    ("config", {"key": "A", "value": "x\0y"}),
    ("build_config", {"key": "A\n", "value": "x"}),
    ("domains", {"name": "example.org\nserver { }"}),
    ("domains", {"name": "EXAMPLE.org"}),
    ("global_domains", {"name": "; rm -rf /"}),
    ("formation", {"process_type": ASTRAY, "count": 1}),
    ("formation", {"process_type": "web", "count": 10**9}),
    ("limits", {"process_type": "web", "key": "memory", "value": "all"}),
    ("limits", {"process_type": "web", "key": "soul", "value": "1"}),
    ("limits", {"process_type": ASTRAY, "key": "memory", "value": "64m"}),
    ("buildpacks", {"name": "python\nx"}),
    ("docker_options", {**OPTION, "option": "--volume /:/host"}),
    ("docker_options", {**OPTION, "option": "--privileged"}),
    ("docker_options", {**OPTION, "phase": "elsewhere"}),
    ("port_mappings", {"scheme": "http", "host_port": 0, "container_port": 5000}),
    ("port_mappings", {"scheme": "tcp; x", "host_port": 80, "container_port": 5000}),
    ("releases", {**RELEASE, "config": {ASTRAY: "x"}}),
    ("releases", {**RELEASE, "config": {"A": 1}}),
    ("releases", {**RELEASE, "config": ["A"]}),
    ("releases", {**RELEASE, "status": "grand"}),
    ("releases", {**RELEASE, "version": 0}),
    ("releases", {**RELEASE, "image": replace(IMAGE, processes={ASTRAY: "run"})}),
    ("releases", {**RELEASE, "image": replace(IMAGE, processes={"web": "x\0"})}),
    ("releases", {**RELEASE, "image": replace(IMAGE, layers=(Layer(ASTRAY, 1),))}),
    ("releases", {**RELEASE, "image": replace(IMAGE, layers=("source-1",))}),
    ("releases", {**RELEASE, "image": replace(IMAGE, commit="--upload-pack=x")}),
    ("releases", {**RELEASE, "image": replace(IMAGE, environment={"A=": "x"})}),
    ("releases", {**RELEASE, "image": replace(IMAGE, environment={"A": None})}),
    ("releases", {**RELEASE, "image": replace(IMAGE, config=ImageConfig(ports=("80",)))}),
    ("releases", {**RELEASE, "image": None}),
    ("named_images", {"name": "NOT A NAME", "image": IMAGE}),
    ("release_layers", {"layer_id": ASTRAY}),
    ("fetched_buildpacks", {"layer": ASTRAY}),
    ("keys", {**KEY, "fingerprint": "SHA256:other"}),
    ("keys", {**KEY, "fingerprint": fingerprint(), "roles": "hook"}),
    ("keys", {**KEY, "fingerprint": fingerprint(), "roles": "god"}),
    ("keys", {**KEY, "fingerprint": fingerprint(), "name": ASTRAY}),
    ("standins", {"host": "example.org", "path": "/x/", "target": "/etc/../root/"}),
    ("standins", {"host": "a; b", "path": "/x/", "target": "https://x.org/"}),
    ("certificates", {**CERTIFICATE, "key": self_signed(["a.test"]).key}),
    ("certificates", {**CERTIFICATE, "digest": ASTRAY}),
    ("certificates", {**CERTIFICATE, "chain": SHOWN.chain + "}"}),
    ("acme_accounts", {"server": "x", "email": "", "uri": "x", "key": "x"}),
    ("redirects", {**REDIRECT, "source": "a.test;"}),
    ("redirects", {**REDIRECT, "destination": ASTRAY}),
    ("redirects", {**REDIRECT, "code": 200}),
    ("http_auth_users", {"name": "ann", "hash": "plain"}),
    ("http_auth_users", {"name": "a\nuser b", "hash": HASH}),
    ("http_auth_addresses", {"address": "10.0.0.0/8; allow all"}),
    ("maintenance_pages", {**PAGE, "digest": ASTRAY}),
    ("maintenance_pages", {**PAGE, "files": {"maintenance.html": "", ASTRAY: ""}}),
    ("builds", {**BUILD, "name": ASTRAY}),
    ("builds", {**BUILD, "kind": "grand"}),
    ("builds", {**BUILD, "status": "grand"}),
    ("builds", {**BUILD, "revision": "--upload-pack=x"}),
    ("builds", {**BUILD, "phases": [["build", "long"]]}),
    ("builds", {**BUILD, "phases": "long"}),
    ("jobs", {"job_id": ASTRAY}),
    ("plugins", {**PLUGIN, "name": ASTRAY}),
    ("plugins", {**PLUGIN, "kind": "grand"}),
    ("plugins", {**PLUGIN, "id": -1000}),
    ("plugins", {**PLUGIN, "revision": ASTRAY}),
    ("plugins", {**PLUGIN, "revision": ""}),
    ("plugins", {**PLUGIN, "commands": "[1]"}),
    ("plugins", {**PLUGIN, "commands": '[{"name": "x", "permission": "root"}]'}),
    ("plugins", {**PLUGIN, "commands": '[{"name": "../x"}]'}),
    ("plugins", {**PLUGIN, "address": "--upload-pack=x"}),
    ("plugins", {**PLUGIN, "committish": "--upload-pack=x"}),
    ("properties", {"namespace": "ps\n", "key": "priority", "value": "1"}),
    ("properties", {"namespace": "ps", "key": "priority", "value": "\0"}),
]


@pytest.mark.parametrize(("name", "row"), GOOD)
def test_what_a_command_would_take_passes(name: str, row: dict[str, Any]):
    vet(name, row)


@pytest.mark.parametrize(("name", "row"), BAD)
def test_what_no_command_would_take_is_refused(name: str, row: dict[str, Any]):
    with pytest.raises(PaasError, match="not to be trusted") as error:
        vet(name, row)
    assert "nothing was changed" in error.value.hint


def test_every_table_has_a_rule_of_its_own():
    """A new table: say in vetting.py what may be in a row of it, before an archive brings one."""
    assert set(metadata.tables) == set(RULES)


def test_a_type_is_looked_into():
    assert conforms(IMAGE, Image)
    assert not conforms(replace(IMAGE, layers=[*IMAGE.layers]), Image)
    assert not conforms(replace(IMAGE, layers=(Layer("x", True),)), Image)
    assert not conforms(replace(IMAGE, steps=(Step("x", 5),)), Image)
    assert conforms(1, float)
    assert not conforms("1", float)
    assert conforms(None, int | None)
    assert named_images.c.image.type is not None


@pytest.mark.parametrize(
    ("namespace", "key", "value", "expected"),
    [
        ("ps", "restart-policy", "on-failure:3", True),
        ("ps", "restart-policy", "nonsense", False),
        ("checks", "timeout", "nonsense", False),
        ("checks", "path", "/up", True),
        ("checks", "path", "/up HTTP/1.1\r\nHost: x", False),
        ("git", "deploy-branch", "trunk", True),
        ("git", "deploy-branch", "--upload-pack=x", False),
        ("ps", "in-service", "[]", None),
        ("nothing", "of", "that", None),
    ],
)
def test_a_property_is_accepted_as_its_own_command_would(
    namespace: str, key: str, value: str, expected: bool | None
):
    assert report.accepts(namespace, key, value) is expected
