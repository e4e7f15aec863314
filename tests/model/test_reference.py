"""Names of images, as every tool reads them."""

import pytest

from paas.errors import UsageError
from paas.model.reference import Reference, parse, tag

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("node", Reference("", "node")),
        ("node:20", Reference("", "node", "20")),
        ("team/app_1:v1.2-x", Reference("", "team/app_1", "v1.2-x")),
        ("registry.example.com:5000/a/b/c", Reference("registry.example.com:5000", "a/b/c")),
        ("host:5000/app:v1", Reference("host:5000", "app", "v1")),
        (f"node@{DIGEST}", Reference("", "node", "", DIGEST)),
        (f"r.io/node:20@{DIGEST}", Reference("r.io", "node", "20", DIGEST)),
        ("localhost/mine:1", Reference("", "mine", "1")),
        ("localhost:5000/mine", Reference("localhost:5000", "mine")),
        ("REGISTRY/mine", Reference("REGISTRY", "mine")),
    ],
)
def test_a_name_is_taken_apart(text: str, found: Reference):
    assert parse(text) == found
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("node", "docker.io/library/node:latest"),
        ("team/app:1", "docker.io/team/app:1"),
        (f"node@{DIGEST}", f"docker.io/library/node@{DIGEST}"),
        ("ghcr.io/a/b", "ghcr.io/a/b:latest"),
        ("docker.io/node", "docker.io/library/node:latest"),
    ],
)
def test_without_a_registry_it_is_docker_hubs(text: str, remote: str):
    assert str(parse(text).remote) == remote


@pytest.mark.parametrize(
    "text",
    [
        *("", "-x", "Node", "a b", "a//b", "../x", "a/../b", "node:", "node:-x", "node@sha256:12"),
        *("a" * 300, "node:" + "x" * 129, "http://x/y", "node\n", "x.io/", "/x", "a:b:c"),
        *("-x.io/a", "oci-archive:/x"),
    ],
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(UsageError):
        parse(text)


def test_tags_stand_for_themselves():
    assert tag("v1.2_x-y") == "v1.2_x-y"
    for text in ("", ".x", "-x", "a/b", "a:b", "x\n"):
        with pytest.raises(UsageError):
            tag(text)
