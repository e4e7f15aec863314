"""Which images a Dockerfile names, so that they are there before it is built.

Pure; builds nothing. Source: the Dockerfile reference (parser directives, line
continuation, ARG before FROM, variables, heredocs). What this misses, buildah asks for
by name, and the build says so.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from paas.errors import PaasError

DIRECTIVE = re.compile(r"^#\s*(\w+)\s*=\s*(\S+)\s*$")
INSTRUCTION = re.compile(r"^\s*([A-Za-z]+)(?:\s+(.*))?$", re.DOTALL)
HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\1")
FLAG = re.compile(r"--([a-z]+)=(\S+)")
VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>\w+)(?::(?P<sign>[-+])(?P<word>[^}]*))?\}|(?P<plain>\w+))"
)
SCRATCH = "scratch"
NAMES_AT_MOST = 100


@dataclass(slots=True)
class Reading:
    """What is known half way through a file."""

    arguments: dict[str, str]
    stages: set[str] = field(default_factory=set)
    named: list[str] = field(default_factory=list)
    count: int = 0

    def name(self, text: str) -> None:
        """An image is asked for, unless the word means a stage."""
        image = expanded(text, self.arguments)
        if image and image.lower() not in self.stages and image != SCRATCH and image.isprintable():
            self.named.append(image)


def images_named(text: str, arguments: Mapping[str, str]) -> list[str]:
    """Images that a Dockerfile builds upon or copies from, in order, each once.

    arguments: build arguments that win over the defaults of ARG.
    """
    reading = Reading({})
    for word, rest in instructions(text):
        if word == "ARG" and not reading.count:
            declare(reading, rest, arguments)
        elif word == "FROM":
            begin_stage(reading, rest)
        elif word in ("COPY", "ADD", "RUN"):
            look_into(reading, rest)
    if not reading.count:
        raise PaasError(
            "the Dockerfile has no FROM", "begin it with one, such as: FROM paas/stack:build"
        )
    found = list(dict.fromkeys(reading.named))
    if len(found) > NAMES_AT_MOST:
        raise PaasError(f"the Dockerfile names {len(found)} images; {NAMES_AT_MOST} are allowed")
    return found


def declares(text: str, name: str) -> bool:
    """Whether a Dockerfile has an ARG of that name."""
    return any(
        word == "ARG" and name in (part.partition("=")[0] for part in rest.split())
        for word, rest in instructions(text)
    )


def declare(reading: Reading, rest: str, arguments: Mapping[str, str]) -> None:
    """ARG before the first FROM: a default for variables in FROM."""
    for part in rest.split():
        key, _, default = part.partition("=")
        value = arguments.get(key, expanded(default.strip("\"'"), reading.arguments))
        reading.arguments[key] = value


def begin_stage(reading: Reading, rest: str) -> None:
    """FROM [--platform=...] image [AS name]."""
    words = [word for word in rest.split() if not word.startswith("--")]
    if words:
        reading.name(words[0])
    reading.stages.add(str(reading.count))
    reading.count += 1
    if len(words) >= 3 and words[1].upper() == "AS":
        reading.stages.add(words[2].lower())


def look_into(reading: Reading, rest: str) -> None:
    """COPY --from=image, RUN --mount=type=bind,from=image,..."""
    for word in rest.split():
        if not word.startswith("--"):
            return
        flag = FLAG.fullmatch(word)
        if flag is None:
            continue
        if flag[1] == "from":
            reading.name(flag[2])
        elif flag[1] == "mount":
            for option in flag[2].split(","):
                if option.startswith("from="):
                    reading.name(option.removeprefix("from="))


def expanded(text: str, values: Mapping[str, str]) -> str:
    """A word with its variables put in."""

    def value(found: re.Match[str]) -> str:
        name = found["braced"] or found["plain"]
        known = values.get(name, "")
        if found["sign"] == "-":
            return known or found["word"]
        if found["sign"] == "+":
            return found["word"] if known else ""
        return known

    return VARIABLE.sub(value, text)


# -- lines ---------------------------------------------------------------------------------


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction and its arguments, continued lines joined, heredocs' bodies left out."""
    lines = text.removeprefix("\ufeff").splitlines()
    escape = escape_of(lines)
    pending = iter(lines)
    for line in pending:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        whole = joined(line, pending, escape)
        found = INSTRUCTION.match(whole)
        if found is None:
            continue
        word, rest = found[1].upper(), found[2] or ""
        if word in ("RUN", "COPY", "ADD"):
            for heredoc in HEREDOC.finditer(rest):
                skip_heredoc(pending, heredoc[2])
        yield word, rest


def escape_of(lines: list[str]) -> str:
    """The character that continues a line; a directive at the very top may change it."""
    for line in lines:
        found = DIRECTIVE.match(line)
        if found is None:
            break
        if found[1].lower() == "escape" and found[2] in ("\\", "`"):
            return found[2]
    return "\\"


def joined(line: str, pending: Iterator[str], escape: str) -> str:
    """A line with those that continue it; comments and empty lines between them are skipped."""
    whole = line
    while whole.rstrip().endswith(escape):
        whole = whole.rstrip().removesuffix(escape)
        following = next(pending, None)
        while following is not None and is_nothing(following):
            following = next(pending, None)
        if following is None:
            return whole
        whole += following
    return whole


def is_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def skip_heredoc(pending: Iterator[str], end: str) -> None:
    for line in pending:
        if line.strip() == end:
            return
