"""Wrong command lines for any command there is, made from what it says that it takes."""

import random
from collections.abc import Iterator

import click

from paas.commands.parameters import APP, APP_OR_GLOBAL, Checked
from paas.commands.registry import Command

HOSTILE = (
    "a\nb", "a\x1b[2Jb", "../../etc/passwd", "/etc/passwd", "$(reboot)", "`reboot`", "a;reboot",
    "a b", "--evil", "-x", "\u202ename", "ü_n", "x" * 5000, "*", "", "-", "a=b=c", "%s%n",
    "'", '"', "\\", "{}", "NaN", "-1", "\t", "٣",
)  # fmt: skip
# what an argument of this kind may be; TEXT and the like take nearly anything
SAMPLES = {
    "name": "other", "domain": "a.example.com", "key": "KEY", "process-type": "web",
    "container": "web.1", "type=count": "web=1", "version": "v1", "key=value": "KEY=value",
    "phases": "deploy", "text": "text",
}  # fmt: skip


def arguments(command: Command) -> list[click.Argument]:
    return [one for one in command.parameters if isinstance(one, click.Argument)]


def options(command: Command) -> list[click.Option]:
    return [one for one in command.parameters if isinstance(one, click.Option)]


def sample(parameter: click.Parameter, app: str) -> str:
    """A word that a parameter takes, as far as its kind tells."""
    kind = parameter.type
    if kind in (APP, APP_OR_GLOBAL):
        return app
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if isinstance(kind, Checked):
        return SAMPLES.get(kind.name, "text")
    return "1" if kind.name in ("integer", "integer range") else "text"


def words(command: Command, app: str) -> list[str]:
    """A word for each argument that is required."""
    return [sample(one, app) for one in arguments(command) if one.required]


def syntax_errors(command: Command, app: str) -> Iterator[tuple[str, ...]]:
    """Lines that are wrong whatever the words mean: missing, extra and unknown ones."""
    name, right = command.name, words(command, app)
    yield name, "--no-such-flag", *right
    for count in range(len(right)):
        yield name, *right[:count]
    if all(one.nargs == 1 for one in arguments(command)) and not command.takes_words:
        yield name, *(sample(one, app) for one in arguments(command)), "surplus"
    for option in options(command):
        if option.is_flag:
            continue
        flag = option.opts[-1]
        yield name, flag
        if isinstance(option.type, click.Choice | click.IntRange):
            yield name, f"{flag}=no such thing", *right


def hostile_lines(command: Command, app: str, seed: int, number: int) -> list[tuple[str, ...]]:
    """Lines with one hostile word in a random place, the others being right."""
    chance = random.Random(f"{seed} {command.name}")
    places = [*arguments(command), *(one for one in options(command) if not one.is_flag)]
    found = []
    for _ in range(number if places else 0):
        bad, word = chance.choice(places), chance.choice(HOSTILE)
        line = [
            word if one is bad else sample(one, app)
            for one in arguments(command)
            if one.required or one is bad or one.name == "app"
        ]
        if isinstance(bad, click.Option):
            line.insert(0, f"{bad.opts[-1]}={word}" if bad.opts[-1].startswith("--") else word)
        found.append((command.name, *line))
    return found
