"""Names of images: `node:20`, `registry.example.com:5000/team/app@sha256:...`.

Pure. Source: the reference grammar of distribution/reference, which Docker, skopeo and
buildah share; a name without a registry means Docker Hub there, or one of ours.
"""

import re
from dataclasses import dataclass, replace

from paas.errors import UsageError

PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?)+(?::[0-9]{1,5})?"
REFERENCE = re.compile(
    rf"(?P<path>{PART}(?:/{PART})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
LONGEST = 255
LOCAL, HUB = "localhost", "docker.io"
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name taken apart; domain "": none was given."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """As it is shown: without what nobody wrote."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def tagged(self) -> "Reference":
        """With a tag, `latest` where there is neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag=LATEST)

    @property
    def remote(self) -> "Reference":
        """Where it would be pulled from: Docker Hub unless a registry is named."""
        if self.domain not in ("", HUB, "index.docker.io"):
            return self.tagged
        path = self.path if "/" in self.path else f"library/{self.path}"
        return replace(self.tagged, domain=HUB, path=path)


def parse(text: str) -> Reference:
    """The name, or UsageError."""
    first, slash, rest = text.partition("/")
    named = slash and (first == LOCAL or re.search(r"[.:A-Z]", first))
    domain, path = (first, rest) if named else ("", text)
    found = REFERENCE.fullmatch(path)
    if found is None or len(text) > LONGEST or (domain and not re.fullmatch(DOMAIN, domain)):
        raise UsageError(
            f"{text[:120]!r} is not the name of an image",
            "names look like base:1, team/app or registry.example.com/team/app:v2",
        )
    if domain == LOCAL:
        domain = ""
    return Reference(domain, found["path"], found["tag"] or "", found["digest"] or "")


def tag(text: str) -> str:
    """A tag by itself, or UsageError."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", text):
        return text
    raise UsageError(
        f"{text[:80]!r} is not a tag", "use letters, digits and _ . -, at most 128, such as v2"
    )
