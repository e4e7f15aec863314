"""Wrong command lines for any command there is, made from what it says that it takes."""

import random
from collections.abc import Iterator

import click

from paas.commands import report
from paas.commands.parameters import APP, APP_OR_GLOBAL, Checked
from paas.commands.registry import Command

HOSTILE = (
    "a\nb", "a\x1b[2Jb", "../../etc/passwd", "/etc/passwd", "$(reboot)", "`reboot`", "a;reboot",
    "a b", "--evil", "-x", "\u202ename", "ü_n", "x" * 5000, "*", "", "-", "a=b=c", "%s%n",
    "'", '"', "\\", "{}", "NaN", "-1", "\t", "٣",
)  # fmt: skip
# beside them, what only those can send who speak the local door's protocol themselves
WORSE = (
    *HOSTILE, "a\0b", "half\ud800", "A" * (1 << 20), "a|id&$(id)>x", "' OR 1=1; DROP TABLE apps;",
    "a\r\nHost: evil", "file:///etc/passwd", "\uff41pp", "apps\u200b", "9" * 400,
)  # fmt: skip
# what an argument of this kind may be; TEXT and the like take nearly anything
SAMPLES = {
    "name": "other", "domain": "a.example.com", "key": "KEY", "process-type": "web",
    "container": "web.1", "type=count": "web=1", "version": "v1", "key=value": "KEY=value",
    "phases": "deploy", "text": "text", "cron": "0 3 * * *", "address": "192.0.2.1",
}  # fmt: skip


def arguments(command: Command) -> list[click.Argument]:
    return [one for one in command.parameters if isinstance(one, click.Argument)]


def options(command: Command) -> list[click.Option]:
    return [one for one in command.parameters if isinstance(one, click.Option)]


def sample(parameter: click.Parameter, app: str) -> str:
    """A word that a parameter takes, as far as its kind tells."""
    kind = parameter.type
    if kind in (APP, APP_OR_GLOBAL) or parameter.name == "app":
        return app
    if isinstance(kind, click.Choice):
        return str(kind.choices[0])
    if parameter.name == "found":
        return "http:8080:5000"  # of ports, in a text whose rule comes later
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


def places(command: Command) -> list[click.Parameter]:
    """Where a caller's own word may stand."""
    return [*arguments(command), *(one for one in options(command) if not one.is_flag)]


def hostile_lines(command: Command, app: str, seed: int, number: int) -> list[tuple[str, ...]]:
    """Lines with one hostile word in a random place, the others being right."""
    chance = random.Random(f"{seed} {command.name}")
    found = places(command)
    return [
        line(command, app, chance.choice(found), chance.choice(HOSTILE))
        for _ in range(number if found else 0)
    ]


def in_every_place(
    command: Command, app: str, seed: int, number: int
) -> Iterator[tuple[click.Parameter, tuple[str, ...]]]:
    """Lines with one of the worst words each, this number of them for every place there is."""
    chance = random.Random(f"{seed} {command.name}")
    for bad in places(command):
        for word in chance.sample(WORSE, number):
            yield bad, line(command, app, bad, word)


def line(command: Command, app: str, bad: click.Parameter, word: str) -> tuple[str, ...]:
    """A command line that is right but for one place, which has this word."""
    found = [
        word if one is bad else sample(one, app)
        for one in arguments(command)
        if one.required or one is bad or one.name == "app"
    ]
    if isinstance(bad, click.Option):
        flag = bad.opts[-1]
        found[:0] = [f"{flag}={word}"] if flag.startswith("--") else [flag, word]
    return command.name, *found


def in_every_property(
    app: str, seed: int, number: int
) -> Iterator[tuple[report.Namespace, report.Property, tuple[str, ...]]]:
    """Lines that set each property there is to one of the worst words."""
    for space in report.SPACES.values():
        for one in space.properties:
            chance = random.Random(f"{seed} {space.name} {one.key}")
            for word in chance.sample(WORSE, number):
                whose = app if one.has_app else "--global"
                yield space, one, (f"{space.name}:{space.setter}", whose, one.key, word)
