"""Deliveries as GitHub, Gitea, GitLab and Bitbucket send them, and as forgers do."""

import hashlib
import hmac
import json

import pytest

from paas.model.webhook import Message

SECRET = "a secret of some length"
BODY = json.dumps({"ref": "refs/heads/main", "after": "1" * 40}).encode()


def signature(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


GENUINE = {
    "github": {"x-hub-signature-256": f"sha256={signature()}", "x-hub-signature": "sha1=0"},
    "gitea": {"x-gitea-signature": signature(), "x-hub-signature-256": f"sha256={signature()}"},
    "gogs": {"x-gogs-signature": signature()},
    "bitbucket": {"x-hub-signature": f"sha256={signature()}"},
    "gitlab": {"x-gitlab-token": SECRET},
}


@pytest.mark.parametrize("server", GENUINE)
def test_who_knows_the_secret_is_believed(server):
    assert Message(GENUINE[server], BODY).is_genuine(SECRET)
    assert not Message(GENUINE[server], BODY).is_genuine("another secret")


FORGED = [
    {},
    {"x-hub-signature-256": ""},
    {"x-hub-signature-256": "sha256="},
    {"x-hub-signature-256": signature()},
    {"x-hub-signature": "sha1=" + "0" * 40},
    {"x-hub-signature": f"sha1={signature()}"},
    {"x-gitlab-token": ""},
    {"x-gitlab-token": SECRET.upper()},
    {"x-gitea-signature": signature(b"another body")},
    {"x-gitea-signature": signature(), "x-hub-signature-256": "sha256=0"},
    {"x-gitlab-token": SECRET, "x-hub-signature-256": "sha256=0"},
    {"x-hub-signature-256": "sha256=\u00fc"},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_forgers_are_not_believed(headers):
    assert not Message(headers, BODY).is_genuine(SECRET)


def test_a_ping_is_no_push():
    assert not Message({"x-github-event": "ping"}, BODY).is_push
    assert Message({"x-github-event": "push"}, BODY).is_push
    assert Message({"x-gitlab-event": "Push Hook"}, BODY).is_push
    assert Message({}, BODY).is_push


def test_only_the_branch_that_is_followed_concerns_an_app():
    message = Message({}, BODY)
    assert message.concerns("main")
    assert message.concerns("")
    assert not message.concerns("release")
    changes = {"push": {"changes": [{"new": {"name": "release"}}, {"new": None}]}}
    assert Message({}, json.dumps(changes).encode()).concerns("release")


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"ref": 1}', b"[" * 100_000,
                                  b'{"push": {"changes": 3}}', b'{"push": []}'])  # fmt: skip
def test_a_body_that_says_nothing_concerns_everybody(body):
    assert Message({}, body).concerns("main")
