"""docker-options: those options of Docker's that mean something here, by phase.

Pure. dokku hands any option on to Docker; here each is known by name, with what it does,
and one that is not is refused with the command that does it instead.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from paas.errors import PaasError, UsageError
from paas.model import container_options, docker_mounts
from paas.model.docker_mounts import Wish
from paas.model.docker_refusals import REFUSED, SHORT
from paas.model.names import ENV_KEY

BUILD, DEPLOY, RUN = PHASES = ("build", "deploy", "run")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: whether a value follows, and the rule for it."""

    takes_value: bool = False
    check: Callable[[str], str] = lambda text: text


def assignment(text: str) -> str:
    """KEY=value, or KEY alone: the value is the app's variable of that name then."""
    key, _, _ = text.partition("=")
    if not ENV_KEY.fullmatch(key):
        raise UsageError(f"{key[:80]!r} is not a name for a build argument")
    if not text.isprintable():
        raise UsageError(f"the build argument {key} is not one line of printable text")
    return text


def label(text: str) -> str:
    if "=" not in text or not text.partition("=")[0]:
        raise UsageError(f"{text[:80]!r} is not a label: write it as key=value")
    return text


def stage(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
        raise UsageError(f"{text[:80]!r} is not the name of a stage")
    return text


BUILDS = {
    "--build-arg": Option(takes_value=True, check=assignment),
    "--target": Option(takes_value=True, check=stage),
    "--label": Option(takes_value=True, check=label),
    "--no-cache": Option(),
    "--pull": Option(),
}
CONTAINERS = {
    name: Option(takes_value=one.takes_value, check=partial(container_options.checked, name))
    for name, one in container_options.OPTIONS.items()
}
KNOWN: dict[str, dict[str, Option]] = {
    BUILD: BUILDS,
    DEPLOY: CONTAINERS,
    RUN: {name: one for name, one in CONTAINERS.items() if name != "--restart"},
}


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What the options of the build phase come to."""

    arguments: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    pull: bool = False


def parse(phase: str, words: Iterable[str]) -> list[str]:
    """Options as they are kept, one text each; UsageError for one that is not known."""
    found, mounts = apart(phase, words)
    if mounts:
        raise UsageError("mounts are kept with those of storage:mount", "paas storage:mount")
    return found


def apart(phase: str, words: Iterable[str]) -> tuple[list[str], list[Wish]]:
    """Options as they are kept, and mounts, which are kept elsewhere; UsageError.

    words are as a shell gave them: one option a word, or an option and its value, or all
    in one word.
    """
    try:
        tokens = [token for word in words for token in split(word)]
    except ValueError as error:
        raise UsageError(f"the options have quotes that do not end: {error}") from error
    found: list[str] = []
    mounts: list[Wish] = []
    while tokens:
        name, equals, value = tokens.pop(0).partition("=")
        name = SHORT.get(name, name)
        option = known(phase, name)
        if option.takes_value and not equals:
            if not tokens:
                raise UsageError(f"{name} needs a value")
            value = tokens.pop(0)
        wish = mount(name, value)
        if isinstance(wish, Wish):
            mounts.append(wish)
        elif wish:
            found.append(kept("--tmpfs", CONTAINERS["--tmpfs"], wish))
        else:
            found.append(kept(name, option, value))
    if not found and not mounts:
        raise UsageError("give an option, such as: --build-arg NODE_ENV=production")
    return found, mounts


def known(phase: str, name: str) -> Option:
    """The option of that name; the error for one that is none of a phase."""
    if phase != BUILD and name in docker_mounts.OPTIONS:
        return Option(takes_value=True)
    if name not in KNOWN[phase]:
        raise unknown(phase, name)
    return KNOWN[phase][name]


def mount(name: str, value: str) -> Wish | str:
    """What an option wants mounted: a volume, or a tmpfs by its text; "" for another option."""
    if name == docker_mounts.VOLUME:
        return docker_mounts.short(value)
    return docker_mounts.long(value) if name == docker_mounts.MOUNT else ""


def kept(name: str, option: Option, value: str) -> str:
    """One option as text: `--init`, `--init=false`, `--env 'A=two words'`."""
    if option.takes_value:
        return shlex.join((name, option.check(value)))
    if value in ("", "true"):
        return name
    if value == "false":
        return f"{name}=false"
    raise UsageError(f"{name} is true or false, not {value[:80]!r}")


def split(word: str) -> list[str]:
    """The tokens of a word: a value alone is one, whatever is in it."""
    return shlex.split(word) if word.startswith("-") else [word]


def unknown(phase: str, name: str) -> PaasError:
    if not name.startswith("-"):
        return UsageError(f"{name[:80]!r} is not an option: options begin with --")
    if name in REFUSED:
        reason, instead = REFUSED[name]
        return PaasError(f"{name} is not an option of {phase} here: {reason}", instead)
    names = ", ".join(sorted(KNOWN[phase]))
    return PaasError(f"{name[:80]} is not an option of {phase} here", f"known: {names}")


def of_build(options: Sequence[str], config: dict[str, str]) -> BuildOptions:
    """The options of the build phase, build arguments without a value filled from the config."""
    arguments: dict[str, str] = {}
    labels: dict[str, str] = {}
    single: dict[str, str] = {}
    for text in options:
        name, *rest = shlex.split(text)
        key, equals, value = rest[0].partition("=") if rest else ("", "", "")
        if name == "--build-arg" and (equals or key in config):
            arguments[key] = value if equals else config[key]
        elif name == "--label":
            labels[key] = value
        else:
            single[name] = rest[0] if rest else "yes"
    return BuildOptions(
        arguments, labels, single.get("--target", ""), "--no-cache" in single, "--pull" in single
    )
