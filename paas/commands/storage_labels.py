"""storage: labels and annotations of volumes, which mean something to their readers only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import click

from paas.commands.context import Context
from paas.commands.parameters import Checked, format_option, printable
from paas.commands.permissions import Permission
from paas.commands.registry import command
from paas.commands.storage import VOLUME, volume_argument
from paas.errors import UsageError
from paas.model import volume as rules
from paas.model.volume import Volume


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two."""

    plural: str
    singular: str
    of: Callable[[Volume], Mapping[str, str]]

    def put(self, volume: Volume, pairs: Mapping[str, str]) -> Volume:
        if self.plural == "labels":
            return replace(volume, labels=pairs)
        return replace(volume, annotations=pairs)


KINDS = (
    Kind("labels", "label", lambda volume: volume.labels),
    Kind("annotations", "annotation", lambda volume: volume.annotations),
)


def register(kind: Kind) -> None:
    """Make the two commands of a kind."""
    make_set(kind)
    make_report(kind)


def make_set(kind: Kind) -> None:
    @volume_argument
    @click.argument("key", type=Checked("key", rules.label_key))
    @click.argument("value", type=str, required=False)
    def set_one(context: Context, name: str, key: str, value: str | None) -> None:
        store = context.platform.store
        with store.together():
            volume = store.volumes.get(name)
            pairs = {had: text for had, text in kind.of(volume).items() if had != key}
            wanted = {key: printable(value, key)} if value else {}
            store.volumes.set(kind.put(volume, rules.labels({**pairs, **wanted})))
        done = f"Setting {kind.singular} {key} to {value}" if value else f"Unsetting {key}"
        context.record("storage", f"{done} of volume {name}")
        context.console.heading(done)

    set_one.__doc__ = f"Set one of a volume's {kind.plural}; without a value, forget it."
    command(f"storage:{kind.plural}:set", Permission.WRITE)(set_one)


def make_report(kind: Kind) -> None:
    @click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[NAME] [--KEY]")
    @format_option
    def report(context: Context, words: Sequence[str], format_: str) -> None:
        flags = [word for word in words if word.startswith("-")]
        names = [VOLUME.rule(word) for word in words if not word.startswith("-")]
        if len(names) > 1 or len(flags) > 1 or (flags and not names):
            raise UsageError("give one volume, and one flag beside it at most")
        store = context.platform.store.volumes
        found = [store.get(name) for name in names] or store.list()
        if flags:
            context.console.line(value_of(kind, found[0], flags[0]))
        elif format_ == "json":
            every = {one.name: dict(kind.of(one)) for one in found}
            context.console.json(every[names[0]] if names else every)
        else:
            for one in found:
                show(context, kind, one)

    report.__doc__ = (
        f"Show the {kind.plural} of every volume, or of one.\n\n"
        f"A flag such as --storage-{kind.plural}.team shows one value alone."
    )
    command(f"storage:{kind.plural}:report", Permission.READ, takes_words=True)(report)


def value_of(kind: Kind, volume: Volume, flag: str) -> str:
    prefix = f"--storage-{kind.plural}."
    pairs = kind.of(volume)
    if flag.removeprefix(prefix) in pairs:
        return pairs[flag.removeprefix(prefix)]
    valid = ", ".join(f"{prefix}{key}" for key in sorted(pairs))
    raise UsageError(f"Invalid flag passed, valid flags: {valid or 'none'}")


def show(context: Context, kind: Kind, volume: Volume) -> None:
    context.console.heading(f"{volume.name} {kind.plural} information")
    for key, value in sorted(kind.of(volume).items()):
        label = f"{kind.singular.capitalize()} {key}:"
        context.console.line(f"       {label:<30} {value}")


for each in KINDS:
    register(each)
