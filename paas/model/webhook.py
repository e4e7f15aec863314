"""Webhooks: whether a git server's message is genuine, and which branch it speaks of. Pure.

Sources: the webhook pages of GitHub (X-Hub-Signature-256), Gitea and Forgejo
(X-Gitea-Signature), GitLab (X-Gitlab-Token) and Bitbucket (X-Hub-Signature).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

PATH = "/.paas/webhooks/"
BODY_BYTES = 5 << 20
# headers with an HMAC of the body in hexadecimal, and what stands before it
SIGNATURES = {
    "x-hub-signature-256": "sha256=",
    "x-hub-signature": "sha256=",
    "x-gitea-signature": "",
    "x-forgejo-signature": "",
    "x-gogs-signature": "",
}
TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name
EVENTS = ("x-github-event", "x-gitea-event", "x-forgejo-event", "x-gogs-event", "x-gitlab-event",
          "x-event-key")  # fmt: skip
PUSHES = frozenset({"push", "push hook", "tag push hook", "repo:push", "create"})


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery. headers' names are in lower case."""

    headers: Mapping[str, str]
    body: bytes

    def is_genuine(self, secret: str) -> bool:
        """Whether somebody who knows the secret sent it; every signature there is must fit."""
        digest = hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        given = {name: self.headers[name] for name in SIGNATURES if name in self.headers}
        if not given:
            token = self.headers.get(TOKEN, "")
            return hmac.compare_digest(token.encode(), secret.encode())
        # beside a good one, GitHub and Gitea send one made with SHA-1, which proves nothing
        judged = {name: value for name, value in given.items() if not value.startswith("sha1=")}
        return bool(judged) and all(
            hmac.compare_digest(value.encode(), f"{SIGNATURES[name]}{digest}".encode())
            for name, value in judged.items()
        )

    @property
    def is_push(self) -> bool:
        """Whether it tells that something was pushed, and not that the webhook was made."""
        event = next((self.headers[name] for name in EVENTS if name in self.headers), "push")
        return event.lower() in PUSHES

    @property
    def refs(self) -> frozenset[str]:
        """Branches and tags that it speaks of; none when it does not say."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return frozenset()
        if not isinstance(document, dict):
            return frozenset()
        found = {document.get("ref"), *bitbucket(document)}
        return frozenset(short(one) for one in found if isinstance(one, str) and one)

    def concerns(self, followed: str) -> bool:
        """Whether what an app follows ("": a default branch) may have moved."""
        return not self.refs or not followed or followed in self.refs


def bitbucket(document: Mapping[str, object]) -> list[object]:
    """The names in Bitbucket's list of changes."""
    push = document.get("push")
    changes = push.get("changes") if isinstance(push, dict) else None
    found: list[object] = []
    for change in changes if isinstance(changes, list) else ():
        new = change.get("new") if isinstance(change, dict) else None
        found.append(new.get("name") if isinstance(new, dict) else None)
    return found


def short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
